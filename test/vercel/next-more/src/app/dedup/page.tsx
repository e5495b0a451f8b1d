export const dynamic = 'force-dynamic'

async function Asked() {
  const response = await fetch(`${process.env.MODEL_URL}/page?token=secret-out`, { next: { revalidate: 60 } })
  return <p>{response.status}</p>
}

export default () => (
  <div>
    <Asked />
    <Asked />
  </div>
)
