/**
 * The formats beside the built-in `otlp-json`. They are passed as `format`, so that a bundle holds only what it uses.
 *
 * ```ts
 * import { otlpProtobuf } from 'agentops-edge/formats'
 *
 * app.use(agentops({ format: otlpProtobuf }))
 * ```
 *
 * @module
 */
export { agentopsV2 } from './agentops-v2/agentops-v2.ts'
export { otlpJson } from './otlp-json.ts'
export { otlpProtobuf } from './otlp-protobuf.ts'
