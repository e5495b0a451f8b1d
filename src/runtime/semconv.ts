/**
 * Every attribute name this library writes, once. Only strings: importing it costs nothing.
 *
 * Sources: AgentOps' span attributes (what its backend and dashboard read) and OpenTelemetry's stable HTTP,
 * exception and resource conventions. The incubating package is not imported: its names come and go between releases.
 */

// On every span of an event.
/** A UUID of the event. */
export const EVENT_ID = 'event.id'
/** `actions`, `llms`, `tools`, `errors`, `apis`, or a type of yours. */
export const EVENT_TYPE = 'event.type'
/** When it began, ISO 8601. */
export const EVENT_TIMESTAMP = 'event.timestamp'
/** When it was over, ISO 8601. */
export const EVENT_END_TIMESTAMP = 'event.end_timestamp'
/** All fields of the event that have no attribute of their own, as JSON. */
export const EVENT_DATA = 'event.data'
/** The session's, or its conversation's. */
export const SESSION_ID = 'session.id'
/** Of an error: the event that it happened in. */
export const TRIGGER_EVENT_ID = 'trigger_event.id'
export const TRIGGER_EVENT_TYPE = 'trigger_event.type'

// AgentOps.
/** `session`, `agent`, `operation`, `tool`, `llm`: what AgentOps shows it as. */
export const SPAN_KIND = 'agentops.span.kind'
export const OPERATION_NAME = 'operation.name'
export const ENTITY_INPUT = 'agentops.entity.input'
export const ENTITY_OUTPUT = 'agentops.entity.output'
/** A list. */
export const TAGS = 'agentops.tags'
/** `Success`, `Fail` or `Indeterminate`. */
export const END_STATE = 'agentops.session.end_state'
export const END_STATE_REASON = 'agentops.session.end_state_reason'
/** How the response's body ended: `complete`, `cancelled`, `error` or `abandoned`. */
export const BODY_END = 'agentops.response.body_end'
export const ALARM_RETRY_COUNT = 'agentops.alarm.retry_count'
export const WEBSOCKET_TYPE = 'agentops.websocket.message.type'
/** Bytes or characters. */
export const WEBSOCKET_SIZE = 'agentops.websocket.message.size'
export const WEBSOCKET_CODE = 'agentops.websocket.close.code'
export const WEBSOCKET_CLEAN = 'agentops.websocket.close.clean'
export const WORKFLOW_INSTANCE = 'agentops.workflow.instance_id'
/** Of a step: 1 for the first. */
export const WORKFLOW_ATTEMPT = 'agentops.workflow.step.attempt'
/** Why a session that `keep` should have decided on was sent undecided. */
export const KEPT = 'agentops.keep.reason'
/** It had not ended when its session did, or broke off. */
export const INCOMPLETE = 'agentops.incomplete'
/** It waits for somebody's answer or approval, and may be resumed later. */
export const INTERRUPTED = 'agentops.interrupted'
/** It goes on where an interrupted one stopped. */
export const RESUMED = 'agentops.resumed'

export const ACTION_TYPE = 'action.type'
export const ACTION_LOGS = 'action.logs'
export const ACTION_SCREENSHOT = 'action.screenshot'
/** `agent.*` on an action would make the dashboard list the action as an agent. */
export const ACTION_AGENT_ID = 'action.agent_id'
export const ACTION_AGENT_NAME = 'action.agent_name'

export const TOOL_NAME = 'tool.name'
export const TOOL_PARAMETERS = 'tool.parameters'
export const TOOL_RESULT = 'tool.result'
/** `succeeded` or `failed`. */
export const TOOL_STATUS = 'tool.status'
export const TOOL_LOGS = 'tool.logs'

export const AGENT_ID = 'agent.id'
export const AGENT_NAME = 'agent.name'
export const AGENT_ROLE = 'agent.role'

export const GEN_AI_OPERATION_NAME = 'gen_ai.operation.name'
export const CONVERSATION_ID = 'gen_ai.conversation.id'
/** The same on agents, tools and actions, which AgentOps would take for calls of models by a `gen_ai.*`. */
export const CONVERSATION = 'agentops.conversation.id'
export const GEN_AI_REQUEST_TYPE = 'gen_ai.request.type'
export const GEN_AI_REQUEST_MODEL = 'gen_ai.request.model'
export const GEN_AI_RESPONSE_MODEL = 'gen_ai.response.model'
export const GEN_AI_PROMPT = 'gen_ai.prompt'
export const GEN_AI_COMPLETION = 'gen_ai.completion'
export const GEN_AI_PROMPT_TOKENS = 'gen_ai.usage.prompt_tokens'
export const GEN_AI_COMPLETION_TOKENS = 'gen_ai.usage.completion_tokens'
export const GEN_AI_TOTAL_TOKENS = 'gen_ai.usage.total_tokens'
export const GEN_AI_INPUT_TOKENS = 'gen_ai.usage.input_tokens'
export const GEN_AI_OUTPUT_TOKENS = 'gen_ai.usage.output_tokens'
export const GEN_AI_CACHE_READ = 'gen_ai.usage.cache_read.input_tokens'
export const GEN_AI_CACHE_CREATION = 'gen_ai.usage.cache_creation.input_tokens'
// As AgentOps reads them.
export const GEN_AI_CACHE_READ_TOKENS = 'gen_ai.usage.cache_read_input_tokens'
export const GEN_AI_CACHE_CREATION_TOKENS = 'gen_ai.usage.cache_creation_input_tokens'
export const GEN_AI_REASONING_TOKENS = 'gen_ai.usage.reasoning_tokens'
export const GEN_AI_PROVIDER = 'gen_ai.provider.name'
/** The provider's name in earlier conventions, which AgentOps reads. */
export const GEN_AI_SYSTEM = 'gen_ai.system'
export const GEN_AI_RESPONSE_ID = 'gen_ai.response.id'
export const GEN_AI_TOKEN_TYPE = 'gen_ai.token.type'
export const GEN_AI_FINISH_REASONS = 'gen_ai.response.finish_reasons'
/** Seconds from the request to the first part of a streamed response's body. */
export const GEN_AI_FIRST_CHUNK = 'gen_ai.response.time_to_first_chunk'
export const GEN_AI_REQUEST_STREAM = 'gen_ai.request.stream'
export const GEN_AI_REQUEST_STREAMING = 'gen_ai.request.streaming'
export const GEN_AI_TEMPERATURE = 'gen_ai.request.temperature'
export const GEN_AI_MAX_TOKENS = 'gen_ai.request.max_tokens'
export const GEN_AI_TOP_P = 'gen_ai.request.top_p'
/** Where it is not 1. */
export const GEN_AI_CHOICES = 'gen_ai.request.choice.count'
/** As it is sent: `low`, `high`. */
export const GEN_AI_REASONING_LEVEL = 'gen_ai.request.reasoning.level'
/** `json` or `text`, where the request asks for one. */
export const GEN_AI_OUTPUT_TYPE = 'gen_ai.output.type'
export const GEN_AI_PREVIOUS_RESPONSE = 'gen_ai.request.previous_response.id'
export const TOOL_CALL_ID = 'gen_ai.tool.call.id'
export const MCP_METHOD = 'mcp.method.name'
export const RPC_STATUS = 'rpc.response.status_code'
export const JSONRPC_ID = 'jsonrpc.request.id'
/** Of Cloudflare's AI Gateway, by which its log is found. */
export const GATEWAY_LOG_ID = 'cloudflare.ai_gateway.log.id'
export const TOOL_ID = 'tool.id'
export const GEN_AI_TOTAL_COST = 'gen_ai.usage.total_cost'
export const LLM_THREAD_ID = 'llm.thread_id'
/** Set where the first prompt is what the API has a field of its own for, beside the conversation. */
export const LLM_INSTRUCTED = 'llm.instructed'

// OpenTelemetry, stable.
export const ERROR_TYPE = 'error.type'
export const ERROR_MESSAGE = 'error.message'
export const ERROR_CODE = 'error.code'
export const HTTP_METHOD = 'http.request.method'
export const HTTP_METHOD_ORIGINAL = 'http.request.method_original'
export const HTTP_ROUTE = 'http.route'
export const HTTP_STATUS = 'http.response.status_code'
export const HTTP_RESENDS = 'http.request.resend_count'
export const URL_FULL = 'url.full'
export const URL_PATH = 'url.path'
export const URL_SCHEME = 'url.scheme'
export const SERVER_ADDRESS = 'server.address'
export const SERVER_PORT = 'server.port'
export const PROTOCOL_VERSION = 'network.protocol.version'
export const SERVICE_NAME = 'service.name'
export const USER_ID = 'user.id'
export const SDK_NAME = 'telemetry.sdk.name'
export const SDK_VERSION = 'telemetry.sdk.version'
export const SDK_LANGUAGE = 'telemetry.sdk.language'
export const AGENTOPS_SDK_NAME = 'agentops.sdk.name'
export const AGENTOPS_SDK_VERSION = 'agentops.sdk.version'

// OpenTelemetry, in development: FaaS and messaging.
export const RPC_SYSTEM = 'rpc.system'
export const RPC_SERVICE = 'rpc.service'
export const RPC_METHOD = 'rpc.method'
export const FAAS_INVOCATION_ID = 'faas.invocation_id'
export const FAAS_COLDSTART = 'faas.coldstart'
export const FAAS_TRIGGER = 'faas.trigger'
export const FAAS_CRON = 'faas.cron'
export const FAAS_TIME = 'faas.time'
export const MESSAGING_SYSTEM = 'messaging.system'
export const MESSAGING_DESTINATION = 'messaging.destination.name'
export const MESSAGING_OPERATION_TYPE = 'messaging.operation.type'
export const MESSAGING_OPERATION_NAME = 'messaging.operation.name'
export const MESSAGE_ID = 'messaging.message.id'
export const BATCH_SIZE = 'messaging.batch.message_count'

export const DEPLOYMENT_ENVIRONMENT = 'deployment.environment.name'
export const FAAS_NAME = 'faas.name'
export const FAAS_VERSION = 'faas.version'
export const FAAS_INSTANCE = 'faas.instance'
export const FAAS_MAX_MEMORY = 'faas.max_memory'
export const FAAS_DOCUMENT_COLLECTION = 'faas.document.collection'
export const FAAS_DOCUMENT_OPERATION = 'faas.document.operation'
export const CLOUD_PROVIDER = 'cloud.provider'
export const CLOUD_PLATFORM = 'cloud.platform'
export const CLOUD_REGION = 'cloud.region'
export const CLOUD_ACCOUNT_ID = 'cloud.account.id'
export const CLOUD_RESOURCE_ID = 'cloud.resource_id'
export const AWS_INVOKED_ARN = 'aws.lambda.invoked_arn'
export const AWS_LOG_GROUPS = 'aws.log.group.names'
export const AWS_LOG_STREAMS = 'aws.log.stream.names'

// Next.js: its own names where it has some.
/** `page`, `route`, `action`, `api`, `proxy` or `image`. */
export const NEXT_KIND = 'next.request.kind'
export const NEXT_RSC = 'next.rsc'
export const NEXT_PREFETCH = 'next.prefetch'
export const NEXT_ACTION = 'next.action.name'
export const NEXT_ACTION_ID = 'next.action.id'

// Ours, about what a Worker or a function is started by.
/** Deliveries of the message so far, this one included. */
export const MESSAGE_ATTEMPTS = 'agentops.message.attempts'
/** `ack` or `retry`. */
export const MESSAGE_OUTCOME = 'agentops.message.outcome'
/** The handler named no outcome: it returned, or it threw. */
export const MESSAGE_IMPLICIT = 'agentops.message.implicit'
/** Seconds. */
export const MESSAGE_RETRY_DELAY = 'agentops.message.retry_delay'
/** Bytes. */
export const EMAIL_SIZE = 'agentops.email.size'
export const TAIL_ITEMS = 'agentops.tail.items'

/** The methods that a span names; any other may be anything. */
export const METHODS: RegExp = /^(GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|QUERY)$/
