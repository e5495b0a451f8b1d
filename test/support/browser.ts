/** A real Chromium, from a package of the registry: for tests and for the pictures of the README. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installPackage } from './package.ts'

/** What is used of Playwright; it is no dependency of the project. */
export interface Page {
  goto(url: string): Promise<unknown>
  locator(selector: string): Locator
  evaluate<T, A = undefined>(work: string | ((argument: A) => T | Promise<T>), argument?: A): Promise<T>
  screenshot(options: { path: string }): Promise<unknown>
  setViewportSize(size: { width: number; height: number }): Promise<void>
  emulateMedia(options: { colorScheme: 'dark' | 'light' }): Promise<void>
  url(): string
  waitForURL(url: string | RegExp): Promise<void>
  reload(): Promise<unknown>
  on(event: 'console' | 'pageerror' | 'dialog' | 'request', listener: (event: never) => void): void
  keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> }
  mouse: { move(x: number, y: number): Promise<void>; down(): Promise<void>; up(): Promise<void> }
  close(): Promise<void>
}
export interface Locator {
  count(): Promise<number>
  textContent(): Promise<string | null>
  innerText(): Promise<string>
  allInnerTexts(): Promise<string[]>
  click(): Promise<void>
  fill(text: string): Promise<void>
  selectOption(value: string): Promise<unknown>
  getAttribute(name: string): Promise<string | null>
  waitFor(): Promise<void>
  first(): Locator
  nth(n: number): Locator
  isVisible(): Promise<boolean>
  boundingBox(): Promise<{ x: number; y: number; width: number; height: number } | null>
}
export interface Browser {
  newPage(options?: object): Promise<Page>
  close(): Promise<void>
}

export interface Opened {
  browser: Browser
  /** axe-core's source. */
  axe: string
}

export async function openBrowser(): Promise<Opened> {
  const home = await installPackage('chromium')
  const require = createRequire(join(home, 'package.json'))
  const { chromium } = require('playwright-core') as { chromium: { launch(options: object): Promise<Browser> } }
  const { default: sparticuz } = (await import(pathToFileURL(require.resolve('@sparticuz/chromium')).href)) as {
    default: { executablePath(): Promise<string>; args: string[] }
  }
  const executablePath = await sparticuz.executablePath()
  const browser = await chromium.launch({ executablePath, args: sparticuz.args, headless: true })
  const { source } = require('axe-core') as { source: string }
  return { browser, axe: source }
}
