export const size = { width: 16, height: 16 }
export const contentType = 'text/plain'

export default () => new Response('picture')
