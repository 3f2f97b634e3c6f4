// Runs calls of the Node SDKs for the tests: a JSON object a line in, one a line out, any number
// at a time. LAMPLIGHTER_NODE names the directory with node_modules.
//
//   in   {id, sdk, base, key, call: "chat.completions.create", args: [...], stop_after}
//   out  {id, value | items, final, request_id, sent, alpn, error: {class, status, message, ...}}
//
// With LAMPLIGHTER_HTTP2 set, HTTP/2 is offered over TLS; alpn is what all connections agreed on.
// A stream's items are given as they came, also when an error follows them. With stop_after the
// stream is left behind after so many items with content.
import { subscribe } from 'node:diagnostics_channel'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(process.env.LAMPLIGHTER_NODE + '/')
const load = (name) => {
  const loaded = require(name)
  return loaded.default ?? loaded
}
const sdks = {
  openai: load('openai'),
  anthropic: load('@anthropic-ai/sdk'),
  'anthropic-old': load('anthropic-sdk-old'),
}
// What the helper streams call the whole answer.
const finals = {
  'chat.completions.stream': 'finalChatCompletion',
  'messages.stream': 'finalMessage',
  'beta.messages.stream': 'finalMessage',
}

const hasContent = (item) =>
  item.type === 'content_block_delta' || Boolean(item.choices?.[0]?.delta?.content)

const describe = (e) => ({
  class: e.constructor.name,
  status: e.status,
  message: String(e.message),
  body: e.error,
  request_id: e.requestID ?? e.request_id,
  retry_after: e.headers?.get?.('retry-after'),
  should_retry: e.headers?.get?.('x-should-retry'),
})

async function collect(stream, job, out) {
  let contents = 0
  out.items = []
  for await (const item of stream) {
    out.items.push(item)
    if (hasContent(item) && ++contents === job.stop_after) {
      stream.controller.abort()
      return
    }
  }
  if (finals[job.call]) out.final = await stream[finals[job.call]]()
}

const alpn = new Set()
subscribe('undici:client:connected', ({ socket }) => alpn.add(socket.alpnProtocol))
let dispatcher
if (process.env.LAMPLIGHTER_HTTP2) { // Node has an agent for it and does not export its class
  await fetch('data:,')
  const { constructor: Agent } = globalThis[Symbol.for('undici.globalDispatcher.1')]
  dispatcher = new Agent({ allowH2: true })
}

async function run(job) {
  const out = { id: job.id }
  const noting = (url, init) => {
    out.sent = Object.fromEntries(new Headers(init.headers))
    out.sent_body = typeof init.body === 'string' ? init.body : undefined
    return fetch(url, { ...init, dispatcher })
  }
  try {
    const client = new sdks[job.sdk]({
      apiKey: job.key, baseURL: job.base, maxRetries: 0, timeout: 30000, fetch: noting,
    })
    const names = job.call.split('.')
    const method = names.pop()
    const owner = names.reduce((object, name) => object[name], client)
    const called = owner[method](...job.args)
    const value = finals[job.call] ? called : await called
    out.request_id = value._request_id ?? value.request_id
    if (value[Symbol.asyncIterator] && !Array.isArray(value.data)) await collect(value, job, out)
    else out.value = value.data && value.object !== 'list' ? { data: value.data } : value
  } catch (e) {
    out.error = describe(e)
  }
  out.alpn = [...alpn]
  return out
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  process.stdout.write(JSON.stringify(await run(JSON.parse(line))) + '\n')
})
