/** Starts the page: connects to whoever shows it, then mounts the window's one application. */
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { setStation } from './bridge/bridge.ts'
import { connectStation } from './bridge/connect.ts'
import './styles/tokens.css'
import './styles/base.css'

setStation(connectStation(window))
createApp(App).use(createPinia()).mount('#app')
