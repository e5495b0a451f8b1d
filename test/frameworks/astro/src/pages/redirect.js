export const GET = ({ redirect }) => redirect('/', 307)
