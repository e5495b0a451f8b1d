/**
 * The page's script: what arrives while it is open, keyboard, zoom, folding. It puts only what this backend has rendered
 * into the page, as parsed nodes: no text of a span ever becomes code.
 */
export const SCRIPT: string = `'use strict'
const $ = (selector, from = document) => from.querySelector(selector)
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)]
const root = document.documentElement

// Dark and light: the system's, until somebody says otherwise.
try { const chosen = localStorage.getItem('theme'); if (chosen) root.dataset.theme = chosen } catch {}
$('#theme').addEventListener('click', () => {
  const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  root.dataset.theme = dark ? 'light' : 'dark'
  try { localStorage.setItem('theme', root.dataset.theme) } catch {}
})
$('#keys').addEventListener('click', () => $('#help').showModal())

const fetched = async (url) => {
  const response = await fetch(url)
  if (!response.ok) throw new Error(response.status)
  return new DOMParser().parseFromString(await response.text(), 'text/html')
}

// Times are the reader's own; the overview says whose its are.
const pad = (value) => String(value).padStart(2, '0')
const times = () => {
  if (location.pathname === '/overview') return
  for (const element of $$('time')) {
    const time = new Date(element.dateTime)
    if (isNaN(time)) continue
    const day = time.getFullYear() + '-' + pad(time.getMonth() + 1) + '-' + pad(time.getDate())
    const isToday = time.toDateString() === new Date().toDateString()
    element.textContent = (isToday ? '' : day + ' ') + [time.getHours(), time.getMinutes(), time.getSeconds()].map(pad).join(':')
    element.title = time.toString()
  }
}
times()

// Filters apply as they are chosen, and are there again for who comes back to the list.
let list = ''
try {
  if (location.pathname === '/') sessionStorage.setItem('list', location.search)
  list = sessionStorage.getItem('list') ?? ''
} catch {}
for (const select of $$('.filters select')) select.addEventListener('change', () => select.form.requestSubmit())
$('.filters')?.addEventListener('submit', (event) => {
  event.preventDefault()
  const query = new URLSearchParams([...new FormData(event.target)].filter(([, value]) => value))
  location.href = new URL(event.target.action).pathname + (query.size ? '?' + query : '')
})

// Zoom: the part of the session's time that the bars show, in their own units.
const WIDTH = 10000
let from = 0
let width = WIDTH
const fold = new Set()
const micros = (value) => {
  const ms = value / 1000
  if (ms === 0) return '0 ms'
  if (ms < 10) return ms.toFixed(1) + ' ms'
  if (ms < 1000) return Math.round(ms) + ' ms'
  if (ms < 60000) return (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + ' s'
  const [whole, unit] = ms < 3600000 ? [ms / 1000, ' min'] : [ms / 60000, ' h']
  return whole < 2880 ? Math.floor(whole / 60) + ':' + String(Math.floor(whole % 60)).padStart(2, '0') + unit : Math.floor(whole / 1440) + ' days'
}
const draw = () => {
  for (const svg of $$('.track')) svg.setAttribute('viewBox', from + ' 0 ' + width + ' 10')
  const shown = $('.window rect')
  if (!shown) return
  shown.setAttribute('x', from)
  shown.setAttribute('width', width)
  const ticks = $('.ticks')
  const length = Number(ticks.dataset.length)
  ;[...ticks.children].forEach((tick, n) => { tick.textContent = micros(((from + (width / 4) * n) / WIDTH) * length) })
}
const zoom = (start, size) => {
  width = Math.min(Math.max(size, 10), WIDTH)
  from = Math.min(Math.max(start, 0), WIDTH - width)
  draw()
}
const zoomBy = (factor) => zoom(from + (width - width * factor) / 2, width * factor)
const drag = (event) => {
  const area = event.target.closest('.minimap, .track')
  if (!area || event.button !== 0) return
  const isMap = area.classList.contains('minimap')
  const box = area.getBoundingClientRect()
  const at = (x) => {
    const part = Math.min(Math.max((x - box.left) / box.width, 0), 1)
    return isMap ? part * WIDTH : from + part * width
  }
  const start = at(event.clientX)
  event.preventDefault()
  const up = (end) => {
    removeEventListener('pointerup', up)
    const stop = at(end.clientX)
    if (Math.abs(end.clientX - event.clientX) > 4) zoom(Math.min(start, stop), Math.abs(stop - start))
  }
  addEventListener('pointerup', up)
}
addEventListener('pointerdown', drag)
addEventListener('dblclick', (event) => { if (event.target.closest('.minimap, .track')) zoom(0, WIDTH) })
addEventListener('click', (event) => {
  const by = event.target.closest('[data-zoom]')?.dataset.zoom
  if (by) by === '0' ? zoom(0, WIDTH) : zoomBy(Number(by))
})

// To the clipboard.
addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]')
  if (!button) return
  const said = button.textContent
  button.textContent = await navigator.clipboard.writeText(button.dataset.copy).then(() => 'Copied', () => 'No clipboard')
  setTimeout(() => { button.textContent = said }, 1500)
})

// Folding.
const applyFolds = () => {
  let hiddenBelow = Infinity
  for (const row of $$('.spans tbody tr')) {
    const depth = Number(row.dataset.depth)
    if (depth <= hiddenBelow) hiddenBelow = Infinity
    row.hidden = depth > hiddenBelow
    const isFolded = fold.has(row.dataset.span)
    $('.fold', row)?.setAttribute('aria-expanded', String(!isFolded))
    if (isFolded && !row.hidden) hiddenBelow = depth
  }
}
const setFold = (row, isFolded) => {
  if (!$('.fold', row)) return false
  if (fold.has(row.dataset.span) === isFolded) return false
  isFolded ? fold.add(row.dataset.span) : fold.delete(row.dataset.span)
  applyFolds()
  return true
}
addEventListener('click', (event) => {
  const button = event.target.closest('.fold')
  if (button) { const row = button.closest('tr'); setFold(row, !fold.has(row.dataset.span)) }
})

// An event's panel, without leaving the page.
let selection = 0
const select = async (row, isPushed = true) => {
  const link = $('.row-link', row)
  const panel = $('#panel')
  if (!panel) { location.href = link.href; return }
  const mine = ++selection
  for (const other of $$('tr.selected')) { other.classList.remove('selected'); $('.row-link', other).removeAttribute('aria-current') }
  row.classList.add('selected')
  link.setAttribute('aria-current', 'true')
  try {
    const page = await fetched(location.pathname + '/spans/' + row.dataset.span + '?view=' + (new URLSearchParams(location.search).get('view') || 'waterfall'))
    if (mine !== selection) return
    panel.replaceChildren(...$('#panel', page).childNodes)
    panel.scrollTop = 0
    times()
    if (isPushed) history.replaceState(null, '', link.href)
  } catch { location.href = link.href }
}
addEventListener('click', (event) => {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
  const row = event.target.closest('.spans tbody tr')
  if (row && !event.target.closest('.fold, .track')) { event.preventDefault(); select(row); $('.row-link', row).focus({ preventScroll: true }); return }
  const to = event.target.closest('#panel a[href*="span="]')
  const there = to && $('#s' + CSS.escape(new URL(to.href).searchParams.get('span')))
  if (there && new URL(to.href).pathname === location.pathname) {
    event.preventDefault()
    there.scrollIntoView({ block: 'center' })
    select(there)
    $('.row-link', there).focus({ preventScroll: true })
  }
})

// Keyboard.
const links = () => $$('.row-link').filter((link) => !link.closest('[hidden]'))
const move = (by) => {
  const all = links()
  if (!all.length) return
  const current = all.indexOf(document.activeElement)
  const selected = all.findIndex((link) => link.closest('tr.selected'))
  const start = current >= 0 ? current : selected >= 0 ? selected : by > 0 ? -1 : all.length
  const next = all[Math.min(Math.max(start + by, 0), all.length - 1)]
  next.focus()
  next.scrollIntoView({ block: 'nearest' })
}
addEventListener('keydown', (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey) return
  if (event.target.closest('input, select, textarea, dialog')) {
    if (event.key === 'Escape' && !event.target.closest('dialog')) event.target.blur()
    return
  }
  const row = document.activeElement?.closest?.('.spans tr')
  const act = {
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
    ArrowLeft: () => row && setFold(row, true), ArrowRight: () => row && setFold(row, false),
    '+': () => zoomBy(0.5), '=': () => zoomBy(0.5), '-': () => zoomBy(2), 0: () => zoom(0, WIDTH),
    '/': () => { const search = $('input[type=search]'); search ? search.focus() : (location.href = '/') },
    '?': () => $('#help').showModal(),
    Escape: () => { if (location.pathname !== '/') location.href = '/' + list },
  }[event.key]
  const tab = /^[1-4]$/.test(event.key) && $('.tabs [data-key="' + event.key + '"]')
  if (tab) location.href = tab.href
  if (act) { act(); event.preventDefault() }
})

// Charts: what a point is, and the way from one to the next.
const say = (event) => {
  const point = event.target.closest?.('.point')
  if (point) $('.said', point.closest('.chart')).textContent = point.getAttribute('aria-label')
}
addEventListener('pointerover', say)
addEventListener('focusin', say)
addEventListener('keydown', (event) => {
  const point = event.target.closest?.('.point')
  const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key]
  if (!point || !by) return
  const all = $$('.point', point.closest('svg'))
  const next = all[Math.min(Math.max(all.indexOf(point) + by, 0), all.length - 1)]
  for (const other of all) other.tabIndex = -1
  next.tabIndex = 0
  next.focus()
  event.preventDefault()
})

// What arrives.
const watched = document.body.dataset.live
const status = $('#status')
let isBusy = false
let isDue = false
let last
const folds = () => $$('#live details').filter((details) => !details.closest('#panel'))
const refresh = async () => {
  if (isBusy) { isDue = true; return }
  isBusy = true
  try {
    const page = await fetched(location.href)
    const [now, then] = [$('#live'), $('#live', page)]
    if (!now || !then) return
    document.title = page.title
    const total = $('#total', page)
    if (total && $('#total')) $('#total').textContent = total.textContent
    if (last === then.innerHTML) return
    last = then.innerHTML
    // What comes is below: what was unfolded stays so.
    const open = folds().map((details) => details.open)
    const focused = document.activeElement
    const key = focused?.closest?.('tr')?.dataset
    const known = new Set($$('tr[data-id]', now).map((row) => row.dataset.id + row.dataset.rev))
    // What is open in the panel stays as it is being read.
    if ($('#panel') && $('#panel', then)) $('#panel', then).replaceWith($('#panel'))
    now.replaceChildren(...then.childNodes)
    folds().forEach((details, n) => { details.open = open[n] ?? details.open })
    times()
    for (const row of $$('tr[data-id]', now)) if (!known.has(row.dataset.id + row.dataset.rev)) row.classList.add('fresh')
    if (key) {
      const row = key.id ? $('tr[data-id="' + CSS.escape(key.id) + '"]') : key.span && $('#s' + CSS.escape(key.span))
      if (row && focused.classList.contains('row-link')) $('.row-link', row).focus({ preventScroll: true })
    }
    applyFolds()
    draw()
  } catch {} finally {
    isBusy = false
    if (isDue) { isDue = false; setTimeout(refresh, 300) }
  }
}
let source
let wasLost = false
const listen = () => {
  source = new EventSource('/live')
  source.addEventListener('open', () => { status.textContent = 'live'; status.classList.add('on'); if (wasLost) refresh(); wasLost = false })
  source.addEventListener('error', () => {
    status.textContent = 'not connected'; status.classList.remove('on'); wasLost = true
    // A browser gives up where the answer was an error.
    if (source?.readyState === 2) { close(); setTimeout(() => { if (!document.hidden && !source) listen() }, 3000) }
  })
  source.addEventListener('stored', (event) => {
    const { changed } = JSON.parse(event.data)
    if (watched === 'sessions' || changed.includes(watched)) refresh()
  })
}
const close = () => { source?.close(); source = undefined }
if (watched) {
  // A browser has six connections to one host: tabs that nobody looks at leave them to the others.
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) { if (!source) listen() } else { close(); wasLost = true }
  })
  if (!document.hidden) listen()
}
applyFolds()
$('tr.selected')?.scrollIntoView({ block: 'nearest' })
`
