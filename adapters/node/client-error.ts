/** What Node's parser refuses, answered on the socket: a small problem, and the connection closes. */
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Socket } from 'node:net'
import { ended } from '../../src/core/context.ts'
import type { Early } from '../shared/early.ts'
import { early, UNSUPPORTED_METHOD } from '../shared/early.ts'
import { HeadedResponse } from './headed-response.ts'
import { stateOf } from './incoming.ts'

const BAD = early('bad-request')
const ANSWERS: Readonly<Record<string, Early>> = {
  HPE_HEADER_OVERFLOW: early('headers-too-large'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: early('body-too-large', 413, 'The chunk extensions are too large.'),
  ERR_HTTP_REQUEST_TIMEOUT: early('bad-request', 408, 'The request did not arrive in time.'),
}

/** How long a refused client may go on sending before the socket is destroyed: a reset could overtake the answer. */
const LINGER = 500

/** The listener of `clientError`. */
export function answerClientError(error: Error & { code?: string; rawPacket?: Buffer }, duplex: Duplex): void {
  const socket = duplex as Socket
  const state = stateOf(socket)
  if (state.refused) return
  state.refused = true
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { response } = state
  if (response !== undefined && !response.writableFinished && !response.destroyed) {
    if (response.req.complete || response.writableEnded) {
      // The garbage follows a whole request, or one that has its answer: let that be sent, then close.
      response.once('finish', () => socket.destroySoon())
      return
    }
    if (response.headersSent) {
      socket.destroy()
      return
    }
  }
  const answer = answerFor(error)
  if (response instanceof HeadedResponse && response['~context']) {
    ended(response['~context'], { status: answer.status, bytes: undefined, outcome: 'aborted' })
  }
  refuseSocket(socket, answer)
}

function answerFor({ code = '', rawPacket }: { code?: string; rawPacket?: Buffer }): Early {
  if (code === 'HPE_INVALID_METHOD' && /^[A-Z]{3,20} /.test(rawPacket?.toString('latin1', 0, 24) ?? '')) {
    return UNSUPPORTED_METHOD
  }
  return Object.hasOwn(ANSWERS, code) ? ANSWERS[code]! : BAD
}

/** Writes an early answer on a bare socket, and closes it. */
export function refuseSocket(socket: Duplex, { status, fields, body }: Early): void {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`
  head += `content-length: ${Buffer.byteLength(body)}\r\ndate: ${new Date().toUTCString()}\r\nconnection: close\r\n\r\n`
  socket.on('error', () => {})
  socket.end(head + body)
  setTimeout(() => socket.destroy(), LINGER).unref()
}
