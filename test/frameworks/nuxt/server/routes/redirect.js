export default defineEventHandler((event) => sendRedirect(event, '/items/1', 307))
