import { renderToReadableStream } from 'react-dom/server'
import { ServerRouter } from 'react-router'

export default async function render(request, status, headers, context) {
  headers.set('content-type', 'text/html')
  return new Response(await renderToReadableStream(<ServerRouter context={context} url={request.url} />), {
    status,
    headers,
  })
}
