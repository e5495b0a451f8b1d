/** What one session has finished, until something has become of all of it: sent by itself, or by whoever sends next. */
import { attend, leaveTo } from '#process'
import type { Connection, FormatSession, Wire } from '../formats/format.ts'
import { Deadline } from '../runtime/deadline.ts'
import { guard, identify, warn } from '../runtime/diag.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import { mayWake, pause, Watch } from '../runtime/turns.ts'
import { NO_TIME, waitFor } from '../transport/backoff.ts'
import { connect, type Destination, type Requests, type Route } from '../transport/connection.ts'
import type { DeliveryConfig } from './config.ts'
import { fly } from './flight.ts'
import { mayCarry, nextGroup, takeOver } from './group.ts'
import { lose, NO_BYTES, newOutbox, type Outbox, outboxOf, put, queue, unqueue } from './outbox.ts'
import type { Parcel } from './parcel.ts'
import type { Drop, FlushReport } from './report.ts'
import type { Run, Sending } from './run.ts'

/** What a sender is told of its session. */
export interface SenderInit extends Partial<Pick<Sending, 'direct' | 'isUnwatched'>> {
  /** Default: `maxRequests` for each run. */
  readonly requests?: Requests
  /** Whose spans these are; the last request is kept for its root. */
  readonly session?: FormatSession
  /** The client's. */
  readonly onDrop?: (drop: Drop) => void
  /** Something has become of its spans, or was tried. */
  readonly onRun?: () => void
}

/** Waking up costs a request more than the look for which it wakes. */
const MIN_PAUSE_MS = 10
const MAX_PAUSE_MS = 100
/** Or two round trips: in less time no further request is begun. */
const LEAST_MS = 200
/** Of all that wait, however many they are. */
const LOOKS_PER_MS = 1.5
/** What is woken looks all the same, for what only time changes. */
const LOOK_MS = 1000
/** A spool has so much longer than the deadline. */
const SPOOL_MS = 1000
/** A timer comes so much later than it was set for, at most. */
const LATE_MS = 100
/** A flight that most are faster than. */
const OLD_MS = 1000
/** As long as it takes to find out. */
const LINGER_MS = 2000

export class Sender implements Sending {
  readonly outbox: Outbox
  readonly madeAt: number = Date.now()
  readonly config: DeliveryConfig
  readonly own: Set<Parcel> = new Set()
  readonly isUnwatched: boolean
  readonly direct: Sending['direct']
  requests: Requests
  /** Counters over its life, kept by its parcels. */
  readonly report: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  readonly #init: SenderInit

  constructor(config: DeliveryConfig, init: SenderInit) {
    const { direct, isUnwatched = false, requests } = init
    this.config = config
    this.direct = direct
    this.isUnwatched = isUnwatched
    this.outbox = direct ? newOutbox() : outboxOf(config)
    this.requests = requests ?? { left: config.maxRequests }
    this.#init = init
  }

  /** Spans that wait, and are not on their way. */
  get waiting(): number {
    return [...this.own].reduce((sum, { flight, left }) => sum + (flight ? 0 : left), 0)
  }

  kept({ rest }: Run): number {
    return this.#init.session && !rest ? 1 : 0
  }

  connect(deadline: Deadline, keep = 0, retries = 0): Connection & Route {
    const { config, requests } = this
    const { session } = this.#init
    return connect(
      { config, destination: config.destination as Destination, session, deadline, retries, keep },
      requests,
    )
  }

  /** Delivers `batches`, and what earlier runs have left. Never rejects. */
  async run(run: Run, batches: readonly (readonly ReadableSpan[])[] = []): Promise<void> {
    const { outbox, own, config } = this
    const { deadline, rest: how, tries = (config.retryAttempts ?? Number.POSITIVE_INFINITY) + 1 } = run
    this.requests = this.#init.requests ?? { left: config.maxRequests }
    // The root goes first, so that it is found in what is encoded.
    for (const batch of batches) {
      const isSorted = this.direct || batch.length < 2
      this.#pack(isSorted ? batch : batch.toSorted((a, b) => Number(this.#isRoot(b)) - Number(this.#isRoot(a))))
    }
    const mine = [...own].filter(({ left }) => left)
    // What is on its way was begun by another run.
    for (const parcel of mine) parcel.tries = tries + (parcel.flight ? 1 : 0)
    const watch = new Watch()
    let slept = 0
    let patience = patienceFor(outbox)
    // Where it failed before, an invocation waits for one attempt: an outage is not to cost each of them its deadline.
    let asks = !!run.collects && !!outbox.fails && !(outbox.isTold && waitFor(outbox.retryAt))
    const waits = run.waits && !asks
    let lingers: number | undefined
    let goesOn = false
    let isFirst = true
    let isWatching = false
    for (;;) {
      if (isWatching) outbox.watchedUntil = 0
      for (const parcel of mine) {
        parcel.beats++
        if (!parcel.left) own.delete(parcel)
      }
      const rest = mine.filter((parcel) => own.has(parcel))
      // A request that is given up at the end of the time would be sent twice, if it was taken.
      const least = isFirst ? 0 : Math.min(Math.max(LEAST_MS, outbox.roundTripMs * 2), config.flushDeadlineMs / 2)
      const remainingMs = deadline.left - least
      const isLate = remainingMs <= 0
      const { line, orphans, aside, flights } = outbox
      // Others go on where something has found no room, or nobody else may come for it.
      const isNeeded = orphans.size || goesOn || (isWatching && carriesOrphans(outbox))
      const more = run.collects ? orphans.size + aside.size : run.carries && isNeeded
      if (!rest.length && (lingers !== undefined || !more)) {
        if (isLate || !run.carries || !mayBeLost(outbox)) break
        // One at a time sees to it that nothing of those who were cut off stays.
        if (lingers === undefined && waitFor(outbox.attendedUntil)) break
        lingers = (lingers ?? LINGER_MS) - slept
        outbox.attendedUntil = Date.now() + lingers
        if (lingers <= 0) break
      }
      const failing = config.spool?.next?.(this, rest)
      if (failing) {
        await config.spool?.offer(this, failing, deadline)
        continue
      }
      if (!mayWake()) takeOver(outbox, watch, slept)
      const group = isLate ? undefined : nextGroup(this, asks ? { ...run, asks } : run, watch, slept)
      slept = 0
      if (group) {
        asks = false
        await fly(this, group, run)
        isFirst = false
        goesOn = !!group.isFull
        const lost = group.parcels.filter((one) => one.isOrphan && !one.flight && (config.spool || one.tries <= 0))
        if (lost.length) await this.#leave(lost, 'leave', deadline)
        patience = patienceFor(outbox)
        continue
      }
      if (isFirst && run.leaves && mayLeave(this)) {
        this.#handOver(rest)
        break
      }
      const idle = rest.filter(({ flight }) => !flight)
      const limited = idle.length && this.connect(deadline, this.kept(run)).limited()
      if (limited) {
        for (const one of idle) {
          one.reason = limited.reason
          one.report.error = limited.error
        }
      }
      const wait = waitFor(outbox.retryAt)
      const isOver = limited || !idle.some(({ tries }) => tries > 0) || (wait > remainingMs && !flights.size)
      // What another run of its own has on its way may yet come to the spool.
      const graceMs = config.spool && how ? SPOOL_MS : 0
      const isGone = deadline.left <= -graceMs
      if (isLate || !waits || isOver) {
        if (how) await this.#leave(isGone ? rest : idle, how, deadline)
        if (isGone || !waits || (idle.length === rest.length && lingers === undefined && !isWatching)) break
      }
      patience = Math.max(
        patience,
        [...flights].reduce((sum, { parcels }) => sum + parcels.length, line.size) / LOOKS_PER_MS,
      )
      slept = wait + (!mayWake() ? patience : wait ? 0 : LOOK_MS)
      isWatching = !!run.leaves && mayWatch(this, run) && (isWatching || !waitFor(outbox.watchedUntil))
      if (isWatching) outbox.watchedUntil = Date.now() + slept + LATE_MS
      await pause(outbox, slept, deadline, graceMs)
      isFirst = false
      patience = Math.min(patience * 2, MAX_PAUSE_MS)
    }
    if (mine.length) guard('onExport', () => this.#init.onRun?.())
    // A platform that ends invocations freezes its timers, too.
    if (how === 'leave' && !run.collects && !this.direct) attend(outbox)
  }

  /** Leaves the parcels to whoever sends next; the session waits no longer. */
  #handOver(parcels: readonly Parcel[]): void {
    const { outbox, own } = this
    for (const parcel of parcels) {
      own.delete(parcel)
      parcel.isOrphan = true
      if (parcel.flight) continue
      unqueue(outbox, parcel)
      queue(outbox, parcel)
    }
  }

  /** What is sent of it may be a copy. */
  #isRoot(span: ReadableSpan | undefined): boolean {
    const root = this.#init.session?.root.spanContext()
    return !!root && span?.spanContext().spanId === root.spanId
  }

  /** Spans of one batch as a parcel, or as several; what has no encoded form, or is too large alone, is dropped. */
  #pack(spans: readonly ReadableSpan[]): void {
    const { config, outbox, own, report, direct } = this
    const { onDrop } = this.#init
    const [first] = spans
    const parcel: Parcel = {
      ...{ body: NO_BYTES, left: spans.length, report, onDrop, traceId: first?.spanContext().traceId },
      hasRoot: !direct && this.#isRoot(first),
      ...{ serial: 0, beats: 0, tries: 0, again: 0, failures: 0 },
    }
    let error = ''
    try {
      if (direct) parcel.spans = spans
      else parcel.body = (config.format.wire as Wire).encode(spans)
      const { length } = parcel.body
      if (length > config.maxExportBytes) error = `${length} bytes are more than the limit of ${config.maxExportBytes}`
    } catch (thrown) {
      error = `not encodable: ${identify(thrown)}`
    }
    const middle = spans.length >> 1
    if (error && middle) for (const half of [spans.slice(0, middle), spans.slice(middle)]) this.#pack(half)
    else {
      own.add(parcel)
      put(outbox, parcel)
      if (error) lose(outbox, parcel, 1, 'rejected', error)
    }
  }

  /** What it could not send goes to the spool, or stays for whoever comes next. */
  async #leave(parcels: readonly Parcel[], how: Run['rest'], deadline: Deadline): Promise<void> {
    const { outbox, own, config, direct } = this
    const { spool, fetch, isFetchLasting, destination } = config
    let orphans = 0
    let why: string | undefined
    for (const parcel of parcels) {
      const { flight, report, tries, isAside } = parcel
      report.error ??= NO_TIME.error
      if (!flight && !parcel.isOffered) await spool?.offer(this, parcel, deadline)
      const { left, reason } = parcel
      const { error } = report
      const isOwn = own.delete(parcel)
      if (!left) continue
      if (
        how === 'drop' ||
        direct ||
        (fetch && !isFetchLasting) ||
        tries <= 0 ||
        (isAside && reason === 'request-limit')
      ) {
        lose(outbox, parcel, left, reason, error)
      } else {
        parcel.isOrphan = true
        if (!flight) {
          unqueue(outbox, parcel)
          queue(outbox, parcel)
        }
        if (isOwn) orphans += left
        why = error
      }
    }
    if (!orphans) return
    leaveTo(outbox, (ms) => {
      const sender = new Sender(config, { requests: { left: Number.POSITIVE_INFINITY } })
      return sender.run({ deadline: new Deadline(Date.now() + ms), carries: true, collects: true })
    })
    const place = destination?.url.replace(/[?#].*/, '')
    warn(
      `${orphans} spans for ${place} go with the next request of this isolate or process, or are lost with it: ${why}`,
      `waiting ${why}`,
    )
  }
}

/** Whether another session sends, the destination is well, and a third has said that it will look whether that gets through. */
function mayLeave({ outbox, config }: Sender): boolean {
  const { fails, flights, retryAt, watchedUntil } = outbox
  const isWell = !fails && !waitFor(retryAt) && !config.spool
  return isWell && !!waitFor(watchedUntil) && [...flights].some(({ isLane }) => isLane)
}

/** Whether it can take over what others have handed over, should their carrier be cut off. */
function mayWatch(sender: Sender, run: Run): boolean {
  return !mayWake() && !sender.config.spool && mayCarry(sender, run)
}

/** Whether a request under way has spans of sessions that wait no longer. */
function carriesOrphans({ flights }: Outbox): boolean {
  return [...flights].some(({ parcels }) => parcels.some(({ isOrphan, left }) => isOrphan && left))
}

/** The rest of the request under way, and the next one, which takes what waits; ms. */
function patienceFor({ roundTripMs }: Outbox): number {
  return Math.max(MIN_PAUSE_MS, roundTripMs, Math.min(roundTripMs * 2, MAX_PAUSE_MS))
}

/** Whether something may have been left by a sender that was cut off; the clock is no proof, but a reason to look. */
function mayBeLost({ aside, flights }: Outbox): boolean {
  return !mayWake() && (aside.size > 0 || [...flights].some(({ at }) => Math.abs(Date.now() - at) > OLD_MS))
}
