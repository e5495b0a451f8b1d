import { route } from '@react-router/dev/routes'

export default [
  route('items/:id', 'routes/item.jsx'),
  route('stream', 'routes/stream.js'),
  route('throw', 'routes/throw.js'),
  route('redirect', 'routes/redirect.js'),
]
