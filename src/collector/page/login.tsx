/** Where a password is asked for. */
/** `to`: where it leads. */
export function loginPage(to: string, fault?: string): string {
  const page = (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>Log in · agentops-edge</title>
        <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/assets/page.css" />
      </head>
      <body>
        <main class="login">
          <h1>agentops-edge</h1>
          <form method="post" action="/login">
            <input type="hidden" name="to" value={to} />
            <label class="field">
              Password
              <input type="password" name="password" required autofocus autocomplete="current-password" />
            </label>
            {fault && (
              <p class="failure" role="alert">
                {fault}
              </p>
            )}
            <button type="submit">Log in</button>
          </form>
        </main>
      </body>
    </html>
  )
  return `<!DOCTYPE html>${page}`
}
