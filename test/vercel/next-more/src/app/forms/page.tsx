import { fail, fresh, go, gone, remember } from './actions'
import { Counter } from './counter'

export default function Page() {
  async function inline(form: FormData) {
    'use server'
    const { tool } = await import('agentops-edge')
    await tool('inline', async () => form.get('x'))
  }
  return (
    <div>
      {Object.entries({ remember, go, gone, fail, fresh, inline }).map(([name, action]) => (
        <form key={name} id={name} action={action} />
      ))}
      <Counter />
    </div>
  )
}
