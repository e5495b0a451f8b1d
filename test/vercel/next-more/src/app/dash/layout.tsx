import type { ReactNode } from 'react'

export default function Layout({ children, team, stats }: Record<string, ReactNode>) {
  return (
    <div>
      {children}
      {team}
      {stats}
    </div>
  )
}
