import { tool } from 'agentops-edge'
import { draftMode } from 'next/headers'
import { redirect } from 'next/navigation'

export async function GET() {
  const draft = await draftMode()
  await tool('draft', async () => draft.enable())
  redirect('/gen/1')
}
