// Holds the talks of talks.py with the Node SDKs, as people use them: a JSON object a line in, one a
// line out, any number at a time. LAMPLIGHTER_NODE names the directory with node_modules.
//
//   in   {id, client, base, key, model, talk, stream}
//   out  {id, answers} or {id, error: {class, status, type, message}}
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const require = createRequire(process.env.LAMPLIGHTER_NODE + '/')
const load = (name) => import(pathToFileURL(require.resolve(name)).href)
const { default: OpenAI } = await load('openai')
const { default: Anthropic } = await load('@anthropic-ai/sdk')
const { GoogleGenAI } = await load('@google/genai')
const { generateText, streamText, tool, jsonSchema, isStepCount, Output } = await load('ai')
const { createOpenAI } = await load('@ai-sdk/openai')
const { createAnthropic } = await load('@ai-sdk/anthropic')
const { createGoogleGenerativeAI } = await load('@ai-sdk/google')

const MORE = { maxRetries: 0, timeout: 30000 }
const text = (parts) => parts.map((part) => part.text ?? '').join('')
const dataUrl = (image) => `data:${image.type};base64,${image.data}`
const answer = (said, stop, tokens, calls = [], thinking = '') =>
  ({ thinking, text: said ?? '', calls, stop, tokens })

async function openaiChat({ base, key, model, talk, stream }) {
  const client = new OpenAI({ apiKey: key, baseURL: base + '/v1', ...MORE })
  const content = [{ type: 'text', text: talk.user }]
  if (talk.image) content.push({ type: 'image_url', image_url: { url: dataUrl(talk.image) } })
  const messages = [{ role: 'system', content: talk.system }, { role: 'user', content }]
  const asked = { model, messages, max_completion_tokens: talk.limit }
  if (talk.tools.length)
    asked.tools = talk.tools.map(({ name, description, schema }) => (
      { type: 'function', function: { name, description, parameters: schema, strict: true } }))
  if (talk.schema)
    asked.response_format = {
      type: 'json_schema', json_schema: { name: 'answer', schema: talk.schema, strict: true },
    }
  if (talk.thinks) asked.reasoning_effort = 'low'
  const answers = []
  for (;;) {
    let whole
    if (!stream) whole = await client.chat.completions.create(asked)
    else {
      const chunks = client.chat.completions.stream(
        { ...asked, stream_options: { include_usage: true } })
      chunks.done().catch(() => {}) // the helper fails at a full answer; what came is whole
      for await (const chunk of chunks) whole = chunks.currentChatCompletionSnapshot ?? whole
    }
    const { message, finish_reason: stop } = whole.choices[0]
    const { usage } = whole
    const calls = message.tool_calls ?? []
    answers.push(answer(
      message.content, { stop: 'end', tool_calls: 'tools' }[stop] ?? stop,
      [usage.prompt_tokens, usage.prompt_tokens_details.cached_tokens, usage.completion_tokens],
      calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)])))
    if (!calls.length) return answers
    messages.push({
      role: 'assistant', content: message.content,
      tool_calls: calls.map(({ id, type, function: f }) => (
        { id, type, function: { name: f.name, arguments: f.arguments } })),
    })
    for (const call of calls)
      messages.push({
        role: 'tool', tool_call_id: call.id, content: talk.results[call.function.name],
      })
  }
}

async function openaiResponses({ base, key, model, talk, stream }) {
  const client = new OpenAI({ apiKey: key, baseURL: base + '/v1', ...MORE })
  const content = [{ type: 'input_text', text: talk.user }]
  if (talk.image)
    content.push({ type: 'input_image', image_url: dataUrl(talk.image), detail: 'auto' })
  const input = [{ role: 'user', content }]
  const asked = {
    model, input, instructions: talk.system, store: false, max_output_tokens: talk.limit,
  }
  if (talk.tools.length)
    asked.tools = talk.tools.map(({ name, description, schema }) => (
      { type: 'function', name, description, parameters: schema, strict: true }))
  if (talk.schema)
    asked.text = { format: {
      type: 'json_schema', name: 'answer', schema: talk.schema, strict: true } }
  if (talk.thinks) {
    asked.reasoning = { effort: 'low', summary: 'auto' }
    asked.include = ['reasoning.encrypted_content']
  }
  const answers = []
  for (;;) {
    const whole = stream
      ? await client.responses.stream(asked).finalResponse()
      : await client.responses.create(asked)
    const calls = whole.output.filter((item) => item.type === 'function_call')
    const full = whole.incomplete_details?.reason === 'max_output_tokens'
    const { usage } = whole
    answers.push(answer(
      whole.output_text, full ? 'length' : calls.length ? 'tools' : 'end',
      [usage.input_tokens, usage.input_tokens_details.cached_tokens, usage.output_tokens],
      calls.map((call) => [call.name, JSON.parse(call.arguments)]),
      text(whole.output.filter((item) => item.type === 'reasoning')
        .flatMap((item) => item.summary))))
    if (!calls.length) return answers
    const bare = (key, value) => (key.startsWith('parsed') ? undefined : value) // the helper's own
    input.push(...JSON.parse(JSON.stringify(whole.output, bare)))
    for (const call of calls)
      input.push({
        type: 'function_call_output', call_id: call.call_id, output: talk.results[call.name],
      })
  }
}

async function anthropicMessages({ base, key, model, talk, stream }) {
  const client = new Anthropic({ apiKey: key, baseURL: base, ...MORE })
  const content = [{ type: 'text', text: talk.user }]
  if (talk.image)
    content.push({ type: 'image', source: {
      type: 'base64', media_type: talk.image.type, data: talk.image.data } })
  const messages = [{ role: 'user', content }]
  const asked = { model, messages, system: talk.system, max_tokens: talk.limit }
  if (talk.tools.length)
    asked.tools = talk.tools.map(({ name, description, schema }) => (
      { name, description, input_schema: schema }))
  if (talk.schema) asked.output_config = { format: { type: 'json_schema', schema: talk.schema } }
  if (talk.thinks) asked.thinking = { type: 'enabled', budget_tokens: 1024 }
  const answers = []
  for (;;) {
    const whole = stream
      ? await client.messages.stream(asked).finalMessage()
      : await client.messages.create(asked)
    const calls = whole.content.filter((block) => block.type === 'tool_use')
    const cached = whole.usage.cache_read_input_tokens ?? 0
    answers.push(answer(
      text(whole.content.filter((block) => block.type === 'text')),
      { end_turn: 'end', tool_use: 'tools', max_tokens: 'length' }[whole.stop_reason],
      [whole.usage.input_tokens + cached, cached, whole.usage.output_tokens],
      calls.map((call) => [call.name, call.input]),
      whole.content.map((block) => block.thinking ?? '').join('')))
    if (!calls.length) return answers
    messages.push({ role: 'assistant', content: whole.content })
    messages.push({ role: 'user', content: calls.map((call) => (
      { type: 'tool_result', tool_use_id: call.id, content: talk.results[call.name] })) })
  }
}

async function googleGenai({ base, key, model, talk, stream }) {
  const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base, timeout: 30000 } })
  const parts = [{ text: talk.user }]
  if (talk.image)
    parts.push({ inlineData: { mimeType: talk.image.type, data: talk.image.data } })
  const contents = [{ role: 'user', parts }]
  const config = { systemInstruction: talk.system, maxOutputTokens: talk.limit }
  if (talk.tools.length)
    config.tools = [{ functionDeclarations: talk.tools.map(({ name, description, schema }) => (
      { name, description, parametersJsonSchema: schema })) }]
  if (talk.schema) {
    config.responseMimeType = 'application/json'
    config.responseJsonSchema = talk.schema
  }
  if (talk.thinks) config.thinkingConfig = { includeThoughts: true, thinkingBudget: 1024 }
  const answers = []
  for (;;) {
    const asked = { model, contents, config }
    const pages = []
    if (!stream) pages.push(await client.models.generateContent(asked))
    else
      for await (const page of await client.models.generateContentStream(asked)) pages.push(page)
    const candidates = pages.flatMap((page) => page.candidates ?? [])
    const said = candidates.flatMap((one) => one.content?.parts ?? [])
    const calls = said.filter((part) => part.functionCall).map((part) => part.functionCall)
    const stop = candidates.at(-1).finishReason
    const usage = pages.at(-1).usageMetadata
    answers.push(answer(
      text(said.filter((part) => !part.thought)),
      { STOP: calls.length ? 'tools' : 'end', MAX_TOKENS: 'length' }[stop],
      [usage.promptTokenCount, usage.cachedContentTokenCount ?? 0,
        (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0)],
      calls.map((call) => [call.name, call.args]),
      text(said.filter((part) => part.thought))))
    if (!calls.length) return answers
    contents.push({ role: 'model', parts: said })
    contents.push({ role: 'user', parts: calls.map(({ id, name }) => (
      { functionResponse: { id, name, response: { output: talk.results[name] } } })) })
  }
}

// The AI SDK holds the whole talk by itself, tools included.
const ai = (provider, options) => async ({ base, key, model, talk, stream }) => {
  const content = [{ type: 'text', text: talk.user }]
  if (talk.image)
    content.push({ type: 'file', data: talk.image.data, mediaType: talk.image.type })
  const asked = {
    model: provider(base, key)(model), instructions: talk.system, maxRetries: 0,
    messages: [{ role: 'user', content }], maxOutputTokens: talk.limit, stopWhen: isStepCount(3),
    ...options(talk),
  }
  if (talk.tools.length)
    asked.tools = Object.fromEntries(talk.tools.map(({ name, description, schema }) => [name, tool({
      description, inputSchema: jsonSchema(schema), execute: () => talk.results[name] })]))
  if (talk.schema) asked.output = Output.object({ schema: jsonSchema(talk.schema) })
  let failed
  const result = stream
    ? streamText({ ...asked, onError: ({ error }) => { failed ??= error } })
    : await generateText(asked)
  if (stream) await result.consumeStream({ onError: (error) => { failed ??= error } })
  if (failed) throw failed
  if (talk.schema && JSON.stringify(await result.output) !== talk.answers[0].text)
    throw new Error('the parsed output is not the text')
  return (await result.steps).map((step) => answer(
    step.text, { stop: 'end', 'tool-calls': 'tools' }[step.finishReason] ?? step.finishReason,
    [step.usage.inputTokens, step.usage.inputTokenDetails.cacheReadTokens ?? 0,
      step.usage.outputTokens],
    step.toolCalls.map((call) => [call.toolName, call.input]), step.reasoningText ?? ''))
}
const openai = (base, key) => createOpenAI({ apiKey: key, baseURL: base + '/v1' })
const anthropic = (base, key) => createAnthropic({ apiKey: key, baseURL: base + '/v1' })
const google = (base, key) => { // which takes a name with a slash for more than a model's
  const provider = createGoogleGenerativeAI({ apiKey: key, baseURL: base + '/v1beta' })
  return (model) => provider(`models/${model}`)
}
const openaiOptions = ({ thinks }) => ({ providerOptions: { openai: {
  store: false,
  ...(thinks && { reasoningEffort: 'low', reasoningSummary: 'auto', forceReasoning: true }),
} } })
const anthropicOptions = ({ thinks, limit }) => ({ // it adds the budget to the limit
  ...(thinks && { maxOutputTokens: limit - 1024 }),
  providerOptions: { anthropic: {
    structuredOutputMode: 'outputFormat',
    ...(thinks && { thinking: { type: 'enabled', budgetTokens: 1024 } }),
  } },
})
const googleOptions = ({ thinks }) => ({ providerOptions: { google: {
  ...(thinks && { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } }),
} } })

const clients = {
  'openai chat (Node)': openaiChat,
  'openai responses (Node)': openaiResponses,
  'anthropic (Node)': anthropicMessages,
  'google-genai (Node)': googleGenai,
  'ai openai chat (Node)': ai((base, key) => openai(base, key).chat, openaiOptions),
  'ai openai responses (Node)': ai((base, key) => openai(base, key).responses, openaiOptions),
  'ai anthropic (Node)': ai(anthropic, anthropicOptions),
  'ai google (Node)': ai(google, googleOptions),
}

// Status, the dialect's own word for what went wrong, and its sentence, wherever an SDK puts them.
const describe = (e) => {
  let body = e.data ?? e.error
  if (e.constructor.name === 'ApiError') body = JSON.parse(e.message)
  const error = body?.error ?? body
  return {
    class: e.constructor.name, status: e.status ?? e.statusCode, message: e.message,
    type: error?.status ?? error?.type,
  }
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const job = JSON.parse(line)
  let out
  try {
    out = { answers: await clients[job.client](job) }
  } catch (e) {
    out = { error: describe(e) }
  }
  process.stdout.write(JSON.stringify({ id: job.id, ...out }) + '\n')
})
