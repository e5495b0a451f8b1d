export default function Page() {
  return <p>Ask at /api/node?q=…, /api/edge?q=… or /api/stream?q=….</p>
}
