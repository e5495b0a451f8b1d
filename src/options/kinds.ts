/** The kinds of values that options take: what is expected, and how a value is read. */
import type { TextMapPropagator } from '@opentelemetry/api'
import type { Format } from '../formats/format.ts'
import type { Semconv } from '../outbox/config.ts'
import type { Spool } from '../outbox/spool.ts'
import { PROPAGATORS } from '../propagation/propagators.ts'
import type { Sampler } from '../runtime/sdk.ts'
import type { AgentOpsOptions } from './options.ts'

/** What is expected, and the value as it is used; undefined or an error where it cannot be. `text` is the value as text. */
export type Kind = readonly [expected: string, check: (value: unknown, text: string, source: string) => unknown]

export const text: Kind = ['text', (value) => (typeof value === 'string' ? value : undefined)]
export const fn: Kind = ['a function', (value) => (typeof value === 'function' ? value : undefined)]
/** Not by its class: to look at that loads Node's `fetch`, 40 ms of a first invocation. */
const isPairs = (value: object | null): value is Headers => typeof (value as Headers | null)?.entries === 'function'
/** A copy, as a getter may throw; of a Headers, its pairs. */
export const object: Kind = [
  'an object',
  (value) =>
    typeof value === 'object' && !Array.isArray(value)
      ? { ...(isPairs(value) ? Object.fromEntries(value) : value) }
      : undefined,
]
export const whole = (min: number, max: number): Kind => [
  `a whole number from ${min} to ${max}`,
  (_, text) => (Number.isInteger(+text) && +text >= min && +text <= max ? +text : undefined),
]
export const share: Kind = ['a number from 0 to 1', (_, text) => (+text >= 0 && +text <= 1 ? +text : undefined)]
export const sampler: Kind = [
  'a number from 0 to 1 or a Sampler',
  (value, text, source) =>
    typeof (value as Sampler).shouldSample === 'function' ? value : share[1](value, text, source),
]
export const oneOf = (...choices: string[]): Kind => [
  choices.join(' or '),
  (_, text) => (choices.includes(text) ? text : undefined),
]
/** OpenTelemetry's environment has another name for the same. */
export const formatKind: Kind = [
  'otlp-json, or otlpProtobuf or agentopsV2 from agentops-edge/formats',
  (value, text) => {
    if (text === 'otlp-json' || text === 'http/json') return 'otlp-json'
    return typeof (value as Format).pack === 'function' ? value : undefined
  },
]
export const spool: Kind = [
  'a spool of agentops-edge/spool, or a function of the environment',
  (value) => (typeof value === 'function' || typeof (value as Spool).keep === 'function' ? value : undefined),
]
export const semconv: Kind = [
  'genAi of agentops-edge/semconv',
  (value) => (isFunction((value as Semconv).present) ? value : undefined),
]
const isFunction = (value: unknown): boolean => typeof value === 'function'
export const keep: Kind = [
  'a function, or a list of functions',
  (value) => {
    const all = [value].flat()
    return all.length && all.every(isFunction) ? all : undefined
  },
]
export const policy: Kind = [
  'continue, link or ignore, or a function of the request',
  (value, text) => (isFunction(value) || /^(continue|link|ignore)$/.test(text) ? value : undefined),
]
export const hosts: Kind = [
  'a function, or a list of hosts and patterns',
  (value) =>
    isFunction(value) ||
    (Array.isArray(value) && value.every((host) => typeof host === 'string' || host instanceof RegExp))
      ? value
      : undefined,
]
/** A host or an origin of `propagateTo` as a URL writes it: in lower case, without a path and its scheme's own port. Any other matches none. */
export const HOST: RegExp =
  /^(?!https:.*:443\/?$|http:.*:80\/?$)(\*\.[a-z\d._-]+|(https?:\/\/)?([a-z\d._-]+|\[[\da-f:.]+\])(:\d+)?\/?)$/
/** Of the environment, names. */
export const propagators: Kind = [
  'a list of propagators; in the environment tracecontext, baggage or none',
  (value, text) => {
    const all = Array.isArray(value)
      ? (value as TextMapPropagator[])
      : text.split(/\s*,\s*/).flatMap((name) => (name === 'none' ? [] : PROPAGATORS[name]))
    return all.every((one) => isFunction(one?.inject) && isFunction(one?.extract)) ? all : undefined
  },
]
/** OpenTelemetry's variable is a flag in one version of its conventions and names where content goes in another. */
export const content: Kind = [
  'true or false',
  (value, text, source) =>
    /^span_(only|and_event)$/i.test(text) ||
    (/^(event_only|no_content)$/i.test(text) ? false : flag[1](value, text, source)),
]
export const recorder: Kind = [
  'sessionMetrics() of agentops-edge/metrics',
  (value) => (isFunction((value as AgentOpsOptions['metrics'])?.record) ? value : undefined),
]
export const list: Kind = ['a list', (value) => (Array.isArray(value) ? [...value] : undefined)]
export const perRequest = ([expected, check]: Kind): Kind => [
  `${expected} or a function of the request`,
  (value, text, source) => (typeof value === 'function' ? value : check(value, text, source)),
]
/** A text of the environment is a list with commas, one of the options a single tag. */
export const tags: Kind = [
  'text, a list of texts',
  (value, _, source) => {
    if (typeof value === 'string') return source === 'tags' ? value : value.split(/\s*,\s*/).filter(Boolean)
    return Array.isArray(value) && value.every((tag) => typeof tag === 'string') ? value : undefined
  },
]
export const url: Kind = [
  'an http(s) URL without credentials',
  (_, text) => {
    const { href } = new URL(text)
    return /^https?:\/\/[^@/]+\//.test(href) ? href : undefined
  },
]
/** OpenTelemetry takes only `true` for true, AgentOps more. */
export const flag: Kind = [
  'true or false',
  (_, text, source) =>
    (source.startsWith('OTEL') ? /^true$/i : /^(true|t|1|y|yes|on)$/i).test(text) ||
    (/^(false|f|0|n|no|off)$/i.test(text) ? false : undefined),
]
