/** Shows the real page on a fake station: `?scenario=busy&theme=dark&language=vi`. */
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from '../../../src/renderer/App.vue'
import { setStation } from '../../../src/renderer/bridge/bridge.ts'
import '../../../src/renderer/styles/tokens.css'
import '../../../src/renderer/styles/base.css'
import { scenarios } from './scenarios.ts'

const query = new URLSearchParams(location.search)
const scenario = scenarios[query.get('scenario') ?? 'busy']
if (scenario === undefined) throw new Error(`there are the scenarios ${Object.keys(scenarios).join(', ')}`)
const fake = scenario({
  theme: query.get('theme') === 'dark' ? 'dark' : 'light',
  language: query.get('language') === 'vi' ? 'vi' : 'en',
})
setStation(fake.station)
createApp(App).use(createPinia()).mount('#app')
