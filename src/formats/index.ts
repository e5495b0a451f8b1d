/**
 * The formats beside the built-in `otlp-json`. They are passed as `format`, so that a bundle holds only what it uses.
 *
 * ```ts
 * import { otlpProtobuf } from 'agentops-edge/formats'
 *
 * app.use(agentops({ format: otlpProtobuf }))
 * ```
 */
export { agentopsV2 } from '../export/agentops-v2.ts'
export { otlpJson } from '../export/otlp-json.ts'
export { otlpProtobuf } from '../export/otlp-protobuf.ts'
