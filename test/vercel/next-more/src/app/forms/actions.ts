'use server'
import { tool } from 'agentops-edge'
import { refresh, revalidatePath, updateTag } from 'next/cache'
import { cookies } from 'next/headers'
import { notFound, redirect } from 'next/navigation'

export async function remember(): Promise<void> {
  const jar = await cookies()
  await tool('remember', async () => void jar.set('who', 'me'))
  revalidatePath('/forms')
}

export async function go(): Promise<void> {
  await tool('go', async () => redirect('/photo/1?token=secret-out'))
}

export async function gone(): Promise<void> {
  await tool('gone', async () => notFound())
}

export async function fail(): Promise<void> {
  await tool('try', async () => 1)
  throw new RangeError('the action broke')
}

export async function count(before: number, form: FormData): Promise<number> {
  return tool('count', async () => before + Number(form.get('by')))
}

export async function fresh(): Promise<void> {
  updateTag('cats')
  refresh()
}
