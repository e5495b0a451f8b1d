/** The resource that all spans share: what the user says goes before what the platform says. */
import type { Attributes } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import { isNode } from '../runtime/platform.ts'
import {
  AGENTOPS_SDK_NAME,
  AGENTOPS_SDK_VERSION,
  SDK_LANGUAGE,
  SDK_NAME,
  SDK_VERSION,
  SERVICE_NAME,
} from '../runtime/semconv.ts'
import { VERSION } from '../runtime/version.ts'
import { shown } from '../session/hide.ts'
import { redactAll } from '../session/redact.ts'
import type { Settings } from './settings.ts'
import type { Sources } from './sources.ts'

/** `detected`: what an adapter knows of its platform. */
export function resourceOf(settings: Settings, sources: Sources, detected: Attributes): Resource {
  const layers: Attributes[] = [
    {
      [SERVICE_NAME]: 'unknown_service',
      [SDK_LANGUAGE]: isNode() ? 'nodejs' : 'webjs',
      [SDK_NAME]: 'agentops-edge',
      [SDK_VERSION]: VERSION,
    },
    detected,
    sources.pairs('OTEL_RESOURCE_ATTRIBUTES'),
    { [SERVICE_NAME]: settings.OTEL_SERVICE_NAME },
    settings.resourceAttributes,
    {
      [SERVICE_NAME]: settings.serviceName,
      [AGENTOPS_SDK_NAME]: 'agentops-edge',
      [AGENTOPS_SDK_VERSION]: VERSION,
    },
  ]
  // What is undefined overrides nothing.
  const described = Object.fromEntries(
    layers.flatMap((layer) => Object.entries(layer).filter(([, value]) => value !== undefined)),
  )
  redactAll((_, value) => shown(value, settings.hidden), described)
  if (settings.redact) redactAll(settings.redact, described)
  return resource(described)
}

/** In the form of the SDK, of which exporters read the attributes. */
function resource(attributes: Attributes): Resource {
  return {
    attributes,
    merge: (other) => resource({ ...attributes, ...other?.attributes }),
    getRawAttributes: () => Object.entries(attributes),
  }
}
