import type { ReactNode } from 'react'

export default function Layout({ children, modal }: Record<string, ReactNode>) {
  return (
    <div>
      {children}
      {modal}
    </div>
  )
}
