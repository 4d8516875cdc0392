/** The parts of the device drawer, in order. */
export const drawerParts = ['proof', 'log', 'memory', 'identity'] as const
export type DrawerPart = (typeof drawerParts)[number]
