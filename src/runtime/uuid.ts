/** Whether `text` is a UUID of any version; one of zeros is none, as it would be no trace id. */
export function isUuid(text: unknown): boolean {
  return typeof text === 'string' && /^(?![0-]+$)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)
}
