/** A web server over IPv6 that is no board and writes down who asked it for what, as which host. Only for namespaces. */
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [port = '80', file = ''] = process.argv.slice(2)
createServer((request, response) => {
  appendFileSync(file, `${request.method ?? ''} ${request.url ?? ''} ${request.headers.host ?? ''}\n`)
  response.end('<html>a printer</html>')
}).listen(Number(port), '::')
