/** What is said of a session as a whole: its tags, the conversation that it belongs to, whom it serves. */
import type { Attributes } from '@opentelemetry/api'
import { describe } from '../runtime/diag.ts'
import * as key from '../runtime/semconv.ts'
import type { SessionConfig } from './config.ts'
import { type SessionInit, tagsOf } from './init.ts'
import { Printed } from './printed.ts'
import { redactAll } from './redact.ts'

export abstract class Labelled extends Printed {
  readonly tags: readonly string[] = []
  /** The conversation that it belongs to, if any. */
  readonly groupId: string | undefined
  /** @internal The user's, for every span. */
  attributes: Attributes | undefined

  constructor(config: SessionConfig, { tags, groupId, attributes }: SessionInit) {
    super(config)
    this.attributes = attributes
    this.setTags(tags ?? [])
    this.groupId = groupId ? describe(groupId).slice(0, 256) : undefined
  }

  addTags(tags: string | readonly string[]): void {
    this.setTags([this.tags, tags].flat())
  }

  setTags(tags: string | readonly string[]): void {
    ;(this as { tags: readonly string[] }).tags = tagsOf(tags)
  }

  /** Names its conversation, up to 256 characters: `session.id` of all its spans that have not been sent. */
  setConversation(id: string): void {
    ;(this as { groupId?: string }).groupId = describe(id).slice(0, 256)
    this.#say({ [key.SESSION_ID]: this.groupId })
  }

  /** Names whom it serves, up to 256 characters: `user.id` of all its spans that have not been sent. */
  setUser(id: string): void {
    this.#say({ [key.USER_ID]: describe(id).slice(0, 256) })
  }

  #say(said: Attributes): void {
    this.attributes = { ...this.attributes, ...said }
    const { redact } = this.config
    if (redact) redactAll(redact, said)
    this.amend(said)
  }

  /** @internal Attributes of spans that have ended, and wait to be sent. */
  abstract amend(attributes: Attributes): void
}
