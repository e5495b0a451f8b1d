/** What one session has finished, until something has become of all of it: sent by itself, or by whoever sends next. */
import type { Connection } from '../formats/format.ts'
import { NOTHING } from '../formats/parts.ts'
import { Deadline } from '../runtime/deadline.ts'
import { guard, identify, warn } from '../runtime/diag.ts'
import type { ReadableSpan } from '../runtime/sdk.ts'
import { unref } from '../runtime/timers.ts'
import { changed, mayWake, pause, Watch } from '../runtime/turns.ts'
import { waitFor } from '../transport/backoff.ts'
import { connect, type Destination, type Requests, type Route } from '../transport/connection.ts'
import type { DeliveryConfig } from './config.ts'
import { fly, MAX_FAILED_ALONE } from './flight.ts'
import { type Group, nextGroup, takeOver } from './group.ts'
import { lose, type Outbox, outboxOf, put, settle, unqueue } from './outbox.ts'
import { type Parcel, pack, type SenderInit, tell } from './parcel.ts'
import { type Drop, type FlushReport, reportDrop } from './report.ts'
import type { Run, Sending } from './run.ts'
import type { Spool } from './spool.ts'

const MAX_PAUSE_MS = 100
/** What is woken looks all the same, for what only time changes. */
const LOOK_MS = 1000
const ATTEND_MS = 60_000
const NO_TIME = 'no time was left; see flushDeadlineMs'

export class Sender implements Sending {
  readonly mark = {}
  readonly outbox: Outbox
  readonly config: DeliveryConfig
  readonly destination: Destination
  readonly init: SenderInit
  requests: Requests
  readonly own: Set<Parcel> = new Set()
  /** Of what has come to its end. */
  readonly #done: FlushReport = { sent: 0, dropped: 0, spooled: 0, pending: 0 }
  #root: Parcel | undefined
  /** Spans with an end that `onChange` was told of. */
  #told = 0

  constructor(config: DeliveryConfig, destination: Destination, init: SenderInit) {
    this.config = config
    this.destination = destination
    this.outbox = outboxOf(destination, config)
    this.init = init
    this.requests = init.requests ?? { left: config.maxRequests }
  }

  /** Takes spans; the root goes first, so that it is found among those of its parcel. */
  post(spans: readonly ReadableSpan[]): void {
    const { config, outbox, init } = this
    const root = init.isRoot && spans.find(init.isRoot)
    const ordered = root ? [root, ...spans.filter((span) => span !== root)] : spans
    const { parcels, refused } = pack(ordered, config, outbox.fits, init)
    for (const parcel of parcels) {
      if (parcel.hasRoot) this.#root = parcel
      this.own.add(parcel)
      put(outbox, parcel)
    }
    for (const error of refused) {
      const drop: Drop = { spans: 1, reason: 'rejected', error }
      add(this.#done, { dropped: 1, error })
      reportDrop(drop, init.onDrop)
    }
  }

  /** Spans that wait, and are not on their way. */
  get waiting(): number {
    return [...this.own].reduce((sum, { flight, left }) => sum + (flight ? 0 : left), 0)
  }

  report(): FlushReport {
    const report = { ...this.#done }
    for (const parcel of this.own) add(report, parcel)
    return report
  }

  /** Never rejects. */
  async run(run: Run): Promise<void> {
    const { outbox, init, config } = this
    const { deadline, rest: how, tries = (config.retryAttempts ?? Number.POSITIVE_INFINITY) + 1 } = run
    this.requests = init.requests ?? { left: config.maxRequests }
    const mine = [...this.own]
    // What is on its way was begun by another run.
    for (const parcel of mine) {
      if (parcel.failedAlone < MAX_FAILED_ALONE) parcel.tries = tries + (parcel.flight ? 1 : 0)
    }
    const watch = new Watch()
    let slept = 0
    let patience = outbox.roundTripMs
    let isTold = false
    let isTried = !!how
    for (;;) {
      isTold = this.#count() || isTold
      const rest = mine.filter(({ left, tries, flight }) => left && (flight || tries > 0))
      if (!rest.length && !(run.collects && outbox.line.size + outbox.aside.size)) break
      if (deadline.left <= 0) break
      for (const parcel of rest) parcel.beats++
      if (!mayWake()) takeOver(outbox, watch, slept)
      const group = nextGroup(this, run, watch, slept)
      slept = 0
      if (group) {
        isTried = true
        await fly(this, group, run)
        await this.#leaveOrphans(group, deadline)
        patience = outbox.roundTripMs
        continue
      }
      const isLimited = !!rest.length && rest.every((one) => !one.flight && this.requests.left <= this.kept([one]))
      if (isLimited) {
        const limited = this.connect(deadline, this.kept(rest)).limited()
        for (const parcel of rest) Object.assign(parcel, limited)
      }
      const wait = waitFor(outbox.retryAt)
      if (!run.waits || isLimited || (wait > deadline.left && !outbox.flights.size)) break
      const { line, flights } = outbox
      patience = Math.max(
        patience,
        (line.size + [...flights].reduce((sum, { parcels }) => sum + parcels.length, 0)) / 2,
      )
      slept = wait + (mayWake() ? (wait ? 0 : LOOK_MS) : patience)
      await pause(outbox, slept, deadline)
      patience = Math.min(patience * 2, MAX_PAUSE_MS)
    }
    if (how) await this.#leave(mine, how, deadline)
    if (!this.#count() && !isTold && isTried && mine.length) this.#tell()
    // A platform that ends invocations freezes its timers, too.
    if (how === 'leave' && mayWake() && !run.collects) attend(outbox, config, this.destination)
  }

  kept(parcels: readonly Parcel[]): number {
    const root = this.#root
    const isGone = !this.init.isRoot || (root && !(root.left && root.hasRoot))
    return isGone || parcels.some((parcel) => parcel === root) ? 0 : 1
  }

  connect(deadline: Deadline, keep = 0): Connection & Route {
    const { config, destination, requests } = this
    return connect({ config, destination, deadline, retries: 0, keep }, requests)
  }

  /** Whether more of its spans have come to their end. */
  #count(): boolean {
    for (const parcel of this.own) {
      tell(parcel)
      if (parcel.left) continue
      this.own.delete(parcel)
      add(this.#done, parcel)
    }
    const { sent, dropped, spooled } = this.report()
    const ended = sent + dropped + spooled
    if (ended === this.#told) return false
    this.#told = ended
    this.#tell()
    return true
  }

  #tell(): void {
    guard('onExport', () => this.init.onChange?.())
  }

  /** Of what others have left behind, what nobody can send is not carried for ever. */
  async #leaveOrphans({ parcels }: Group, deadline: Deadline): Promise<void> {
    const { outbox, config } = this
    const over = parcels.filter((one) => one.isOrphan && !one.flight && (config.spool || isOver(one, outbox)))
    await this.#leave(over, 'leave', deadline)
  }

  /** What it could not send goes to the spool, or stays for whoever comes next. */
  async #leave(parcels: readonly Parcel[], how: 'leave' | 'drop', deadline: Deadline): Promise<void> {
    const { mark, outbox, own, config, destination } = this
    let [orphans, why] = [0, '']
    for (const parcel of parcels) {
      // Another run of its own sees to it.
      const isSeenTo = (): boolean => !parcel.left || parcel.flight?.by === mark
      while (parcel.left && isSeenTo() && deadline.left > 0) await pause(outbox, LOOK_MS, deadline)
      if (isSeenTo()) continue
      const { flight, left } = parcel
      if (config.spool && !flight) await this.#spool(parcel, config.spool, deadline)
      else if (how === 'drop' || config.fetch || isOver(parcel, outbox)) {
        lose(outbox, parcel, left, parcel.reason, parcel.error ?? NO_TIME)
      } else {
        parcel.isOrphan = true
        tell(parcel)
        if (!own.delete(parcel)) continue
        orphans += left
        why = parcel.error ??= NO_TIME
        add(this.#done, parcel)
      }
    }
    if (!orphans) return
    const place = destination.url.replace(/[?#].*/, '')
    warn(
      `${orphans} spans for ${place} go with the next request of this isolate or process, or are lost with it: ${why}`,
      `waiting ${why}`,
    )
  }

  async #spool(parcel: Parcel, spool: Spool, deadline: Deadline): Promise<void> {
    const { outbox, config, mark } = this
    const { reason, error } = parcel
    // Nobody else is to send it meanwhile.
    unqueue(outbox, parcel)
    parcel.flight = { by: mark }
    try {
      const unsent = config.format.wire?.split(parcel.body) ?? []
      const kept = await spool.keep({ ...NOTHING, unsent, reason, error }, this.connect(deadline))
      settle(outbox, parcel, 'spooled', kept.spooled)
      if (kept.dropped) lose(outbox, parcel, kept.dropped, 'rejected', kept.rejection)
      if (parcel.left) parcel.error = kept.error
    } catch (thrown) {
      parcel.error = `${error}; the spool failed: ${identify(thrown)}`
    }
    if (parcel.left) lose(outbox, parcel, parcel.left, reason, parcel.error)
    changed(outbox)
  }
}

function add(report: FlushReport, { sent = 0, dropped = 0, spooled = 0, left = 0, error }: Partial<Parcel>): void {
  report.sent += sent
  report.dropped += dropped
  report.spooled += spooled
  report.pending += left
  if (error) report.error = error
}

/** Whether it is of no use to try again. */
function isOver(parcel: Parcel, { aside }: Outbox): boolean {
  return parcel.tries <= 0 || (aside.has(parcel) && parcel.reason === 'request-limit')
}

/** A process that goes on sends what was left behind, as soon as the destination may be asked again. */
function attend(outbox: Outbox, config: DeliveryConfig, destination: Destination): void {
  if (outbox.isAttended || !(outbox.line.size + outbox.aside.size)) return
  outbox.isAttended = true
  const timer = setTimeout(
    () => {
      const sender = new Sender(config, destination, { requests: { left: Number.POSITIVE_INFINITY } })
      const deadline = new Deadline(Date.now() + ATTEND_MS)
      const over = sender.run({ deadline, tries: 1, waits: false, carries: true, collects: true })
      void over.then(() => {
        outbox.isAttended = false
        attend(outbox, config, destination)
      })
    },
    Math.max(waitFor(outbox.retryAt), LOOK_MS),
  )
  unref(timer)
}
