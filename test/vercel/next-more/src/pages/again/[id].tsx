import { tool } from 'agentops-edge'

export const getStaticPaths = () => ({ paths: [{ params: { id: '1' } }], fallback: 'blocking' })
export const getStaticProps = async ({ params }: { params: { id: string } }) => ({
  props: { said: await tool('again', async () => params.id) },
  revalidate: 1,
})

export default function Again({ said }: { said: string }) {
  return <p>{said}</p>
}
