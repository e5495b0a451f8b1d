import { redirect } from 'react-router'

export const loader = () => redirect('/items/1', 307)
