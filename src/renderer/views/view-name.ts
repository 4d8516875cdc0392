/** The views of the window. */
export type ViewName = 'bench' | 'history' | 'settings'
