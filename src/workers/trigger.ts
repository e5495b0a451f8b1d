/**
 * What starts a Worker's code. The types are structural, so that a project with `wrangler types` and one with
 * `@cloudflare/workers-types` both keep their own.
 */

/** What is needed of a `ScheduledController`. */
export interface ScheduledLike {
  /** The cron expression that fired. */
  readonly cron: string
  /** When it was due, milliseconds since the epoch. */
  readonly scheduledTime: number
}

/** What is needed of a queue's `Message`. */
export interface MessageLike {
  readonly id: string
  readonly timestamp: Date
  readonly body: unknown
  /** Deliveries so far, this one included. */
  readonly attempts: number
  ack(): void
  retry(options?: { delaySeconds?: number }): void
}

/** What is needed of a `MessageBatch`. */
export interface BatchLike {
  readonly queue: string
  readonly messages: readonly MessageLike[]
  ackAll(): void
  retryAll(options?: { delaySeconds?: number }): void
}

/** What is needed of a `ForwardableEmailMessage`. */
export interface EmailLike {
  readonly from: string
  readonly to: string
  readonly headers: Headers
  /** Bytes. */
  readonly rawSize: number
}

/** What is needed of a Workflow's event. */
export interface WorkflowEventLike {
  readonly payload: unknown
  readonly timestamp: Date
  readonly instanceId: string
}

/** What started the handler, the class's method or the Workflow. */
export type Trigger =
  | { kind: 'fetch'; request: Request }
  | { kind: 'scheduled'; controller: ScheduledLike }
  /** `message`: where each message has a session of its own. */
  | { kind: 'queue'; batch: BatchLike; message?: MessageLike }
  | { kind: 'email'; message: EmailLike }
  | { kind: 'tail'; events: readonly unknown[] }
  /** A method of a Durable Object or an entrypoint, and the object that it was called on. */
  | {
      kind: 'alarm' | 'rpc' | 'webSocketMessage' | 'webSocketClose' | 'webSocketError'
      method: string
      target: object
    }
  | { kind: 'workflow'; event: WorkflowEventLike }
