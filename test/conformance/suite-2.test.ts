/** A third of the harnesses: see `suite.ts`. */
import { describeSuite } from './suite.ts'

describeSuite(1, 3)
