/** Where the window's page lives, and which addresses are its own. */
export const PAGE_SCHEME = 'app'
export const PAGE_HOST = 'flashproof'
export const PAGE_URL = `${PAGE_SCHEME}://${PAGE_HOST}/index.html`

/** Whether an address belongs to the page. Compared by its parts: a text that merely begins alike is another address. */
export function isPageAddress(address: string): boolean {
  const url = URL.parse(address)
  return url?.protocol === `${PAGE_SCHEME}:` && url.host === PAGE_HOST && url.username === '' && url.password === ''
}
