/**
 * A bare board for measurements: takes chunk POSTs, discards them, says OK; optionally a fixed time after the last byte.
 * Hand-written HTTP/1.1 over a socket, so that the server is not what is measured. Never used to prove anything.
 */
import { createServer, type Socket } from 'node:net'

const answerAfterMs = Number(process.argv[2] ?? 0)
const body = '{"success": true}'
const ok = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${String(body.length)}\r\n\r\n${body}`,
)
const notFound = Buffer.from('HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n')

/** Answers each request of one connection once its body is whole. Bodies are counted, not kept. */
function serveSocket(socket: Socket): void {
  let head = ''
  let missingBodyBytes = 0
  let isPost = false
  socket.setNoDelay(true)
  socket.on('error', () => socket.destroy())
  const answer = (): void => {
    const bytes = isPost ? ok : notFound
    if (answerAfterMs === 0) socket.write(bytes)
    else setTimeout(() => socket.write(bytes), answerAfterMs)
  }
  socket.on('data', piece => {
    let rest: Buffer = piece
    while (rest.length > 0) {
      if (missingBodyBytes > 0) {
        const taken = Math.min(missingBodyBytes, rest.length)
        missingBodyBytes -= taken
        rest = rest.subarray(taken)
        if (missingBodyBytes === 0) answer()
        continue
      }
      head += rest.toString('latin1', 0, Math.min(rest.length, 2048))
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) return
      const consumed = end + 4 - (head.length - Math.min(rest.length, 2048))
      rest = rest.subarray(consumed)
      isPost = head.startsWith('POST')
      missingBodyBytes = Number(/content-length: *(\d+)/i.exec(head.slice(0, end))?.[1] ?? 0)
      head = ''
      if (missingBodyBytes === 0) answer()
    }
  })
}

const server = createServer(serveSocket)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.send?.({ port: address.port })
})
process.on('disconnect', () => process.exit(0))
