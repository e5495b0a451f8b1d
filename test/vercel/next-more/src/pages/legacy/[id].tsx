import { tool } from 'agentops-edge'
import type { GetServerSideProps } from 'next'

export const getServerSideProps: GetServerSideProps = async ({ params }) => {
  const said = await tool('props', async () => 'cats')
  if (params?.id === 'gone') return { notFound: true }
  if (params?.id === 'moved') return { redirect: { destination: '/photo/1?token=secret-out', permanent: false } }
  if (params?.id === 'throw') throw new RangeError('no such props')
  return { props: { said } }
}

export default function Legacy({ said }: { said: string }) {
  return <p>{said}</p>
}
