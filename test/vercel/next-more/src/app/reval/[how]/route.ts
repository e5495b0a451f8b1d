import { tool } from 'agentops-edge'
import { revalidatePath, revalidateTag } from 'next/cache'

export async function POST(_request: Request, { params }: { params: Promise<{ how: string }> }) {
  const { how } = await params
  await tool('drop', async () => (how === 'path' ? revalidatePath('/gen/1') : revalidateTag('cats', 'max')))
  return Response.json({ how })
}
