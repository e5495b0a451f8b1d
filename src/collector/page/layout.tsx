/** What every page has: head, navigation, and where the live part is. No inline script or style: the policy forbids them. */
import type { Child, FC } from 'hono/jsx'

export interface LayoutProps {
  title: string
  /** What the script listens for: any session, one trace (its id), or nothing. */
  live?: string
  /** The path of the entry of the navigation that this is. */
  here?: string
  children?: Child
}

export const Layout: FC<LayoutProps> = ({ title, live, here, children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{title} · agentops-edge</title>
      <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
      <link rel="stylesheet" href="/assets/page.css" />
      <script src="/assets/page.js" defer />
    </head>
    <body data-live={live}>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href="/">
          <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
            <rect x="1" y="3" width="18" height="3.4" rx="1.7" />
            <rect x="4" y="8.3" width="9" height="3.4" rx="1.7" />
            <rect x="9" y="13.6" width="8" height="3.4" rx="1.7" />
          </svg>
          agentops-edge
        </a>
        <nav aria-label="Main">
          <a href="/" aria-current={here === '/' ? 'page' : undefined}>
            Sessions
          </a>
          <a href="/overview" aria-current={here === '/overview' ? 'page' : undefined}>
            Overview
          </a>
        </nav>
        <span class="grow" />
        <span id="status" class="status" role="status" />
        <button type="button" id="theme" class="quiet" aria-label="Switch between dark and light">
          ◐
        </button>
        <button type="button" id="keys" class="quiet" aria-label="Keyboard shortcuts" aria-haspopup="dialog">
          ?
        </button>
      </header>
      <main id="main" tabindex={-1}>
        {children}
      </main>
      <dialog id="help" aria-labelledby="help-title">
        <h2 id="help-title">Keyboard</h2>
        <dl>
          <dt>
            <kbd>j</kbd> <kbd>k</kbd> or <kbd>↓</kbd> <kbd>↑</kbd>
          </dt>
          <dd>next, previous</dd>
          <dt>
            <kbd>Enter</kbd>
          </dt>
          <dd>open</dd>
          <dt>
            <kbd>←</kbd> <kbd>→</kbd>
          </dt>
          <dd>fold, unfold</dd>
          <dt>
            <kbd>+</kbd> <kbd>−</kbd> <kbd>0</kbd>
          </dt>
          <dd>zoom in, out, all; drag over the bars to zoom into a part</dd>
          <dt>
            <kbd>1</kbd> to <kbd>4</kbd>
          </dt>
          <dd>the views of a session</dd>
          <dt>
            <kbd>/</kbd>
          </dt>
          <dd>search</dd>
          <dt>
            <kbd>Esc</kbd>
          </dt>
          <dd>back to the list</dd>
        </dl>
        <form method="dialog">
          <button type="submit">Close</button>
        </form>
      </dialog>
    </body>
  </html>
)

/** `live`: as of the layout; what is missing is shown when it arrives. */
export const Missing: FC<{ what: string; why: string; live?: string }> = ({ what, why, live }) => (
  <Layout title={`No such ${what}`} live={live}>
    <div id="live">
      <div class="empty">
        <h1>No such {what}</h1>
        <p class="muted">{why}</p>
        <p>
          <a href="/">All sessions</a>
        </p>
      </div>
    </div>
  </Layout>
)

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" fill="#3b5bdb"><rect x="1" y="3" width="18" height="3.4" rx="1.7"/><rect x="4" y="8.3" width="9" height="3.4" rx="1.7"/><rect x="9" y="13.6" width="8" height="3.4" rx="1.7"/></svg>`
