'use server'
import { tool } from 'agentops-edge'
import { redirect } from 'next/navigation'
import { after } from 'next/server'

export async function ask(form: FormData): Promise<void> {
  await tool('look up', async () => 'cats')
  after(async () => {
    await tool('note', async () => new Promise((resolve) => setTimeout(resolve, 300)))
  })
  if (form.get('go')) redirect('/')
}
