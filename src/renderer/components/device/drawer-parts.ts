/** The parts of the device drawer, in order; the monitor is for serial lines alone. */
export const drawerParts = ['proof', 'log', 'monitor', 'memory', 'identity'] as const
export type DrawerPart = (typeof drawerParts)[number]
