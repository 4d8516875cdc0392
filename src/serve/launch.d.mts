/** What the tests use of the start script, which is plain JavaScript for the sake of an old Node. */
type Environment = Readonly<Record<string, string | undefined>>

export function findElectron(env: Environment, packageFolder?: string): string | null
export function hasDisplay(env: Environment, platform: string): boolean
export function reasonForBrowser(electron: string | null, canShow: boolean): string | null
export function isStale(made: string, sources: string): boolean
