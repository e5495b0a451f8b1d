'use client'
export default () => <p>caught</p>
