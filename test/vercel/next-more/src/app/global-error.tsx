'use client'
export default () => (
  <html lang="en">
    <body>all is lost</body>
  </html>
)
