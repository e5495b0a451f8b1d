/** The page's style sheet. Colours have a contrast of 4.5 and more against what is behind them, dark and light. */

const indents: string = Array.from({ length: 17 }, (_, n) => `.d${n}{padding-left:${n * 14}px}`).join('\n')

const DARK = `
  color-scheme: dark;
  --bg: #14161a; --raised: #1b1e24; --sunk: #101216; --line: #2a2e37; --text: #e4e7ec; --muted: #9aa3b2; --accent: #91a7ff;
  --green: #69db7c; --red: #ff8787; --amber: #ffd43b; --blue: #74c0fc; --grey: #a5adba;
  --violet: #b197fc; --teal: #63e6be; --slate: #a5b4c8; --brown: #e8b27d;
  --red-soft: #3a1e20; --blue-soft: #1a2a3d; --green-soft: #173122; --amber-soft: #352c10; --select: #222a40;
`

export const STYLES: string = `
:root {
  color-scheme: light;
  --bg: #fbfbfc; --raised: #ffffff; --sunk: #f3f4f6; --line: #e2e5ea; --text: #1b1f26; --muted: #5d6675; --accent: #3b5bdb;
  --green: #1f7a36; --red: #c92a2a; --amber: #8a5a00; --blue: #1864ab; --grey: #5d6675;
  --violet: #6741d9; --teal: #087f5b; --slate: #51617a; --brown: #8d5524;
  --red-soft: #fff0f0; --blue-soft: #edf4fc; --green-soft: #ebf7ee; --amber-soft: #fdf6e0; --select: #e9edff;
}
@media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { ${DARK} } }
:root[data-theme=dark] { ${DARK} }
* { box-sizing: border-box; }
html { font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; background: var(--bg); color: var(--text); }
body { margin: 0; font-variant-numeric: tabular-nums; }
a { color: var(--accent); text-decoration: none; }
a:hover, p a { text-decoration: underline; }
.divider a, .call-name a { text-decoration: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; border-radius: 3px; }
main:focus { outline: none; }
h1 { font-size: 20px; font-weight: 600; margin: 0; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { font-size: 16px; font-weight: 600; margin: 2px 0 8px; overflow-wrap: anywhere; }
h3, .who, .divider, th, .facts dt, .kind { font-size: 12px; font-weight: 500; color: var(--muted); margin: 0; }
p { margin: 0; }
code, pre, kbd, .json { font: 12.5px/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
kbd { border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px; background: var(--sunk); }
ul { padding-left: 18px; margin: 4px 0; }
.muted { color: var(--muted); }
.grow { flex: 1; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--raised); padding: 8px; z-index: 9; }
button, input, select { font: inherit; color: inherit; background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px; }
button { cursor: pointer; }
button:hover, select:hover { border-color: var(--muted); }
.quiet { border-color: transparent; background: none; padding: 3px 9px; }

.bar { display: flex; align-items: center; gap: 18px; padding: 9px 24px; border-bottom: 1px solid var(--line); background: var(--raised); }
.brand { display: flex; align-items: center; gap: 8px; font-weight: 600; color: var(--text); }
.brand svg { fill: var(--accent); }
.bar nav { display: flex; gap: 16px; }
.bar nav a { color: var(--muted); }
.bar nav a[aria-current] { color: var(--text); font-weight: 550; }
.status { color: var(--muted); font-size: 12px; }
.status::before { content: ""; display: inline-block; width: 7px; height: 7px; border-radius: 50%; margin-right: 6px; background: var(--grey); }
.status.on::before { background: var(--green); }
.status:empty::before { display: none; }
main { padding: 20px 24px 60px; max-width: 1600px; margin: 0 auto; }
.head { display: flex; align-items: baseline; gap: 12px; flex-wrap: wrap; margin-bottom: 12px; }
.head .state { font-size: 14px; }
.head .tag { margin-right: -5px; }

.filters { display: flex; gap: 8px; flex-wrap: wrap; margin-bottom: 14px; align-items: center; }
.filters select { max-width: 146px; padding: 5px 6px; }
.wide { flex: 1 1 220px; }
.wide input { width: 100%; }
.empty { padding: 48px 24px; border: 1px dashed var(--line); border-radius: 10px; text-align: center; }
.empty pre { display: inline-block; background: var(--sunk); border: 1px solid var(--line); padding: 10px 16px; border-radius: 8px; margin: 12px 0; }
.more { padding: 14px 0; }

table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 500; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 9px 12px 9px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.number { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
.sub { display: flex; gap: 0 10px; color: var(--muted); font-size: 12px; flex-wrap: wrap; }
.number .sub { justify-content: flex-end; white-space: nowrap; }
.sessions td:first-child { width: 132px; white-space: nowrap; }
.sessions tbody tr { position: relative; }
.sessions tbody tr:hover, .sessions tr:focus-within { background: var(--raised); }
.sessions .when { white-space: nowrap; }
.what { max-width: 640px; overflow-wrap: anywhere; }
.what .row-link, .turn .row-link { font-weight: 550; color: var(--text); margin-right: 8px; }
.s-Fail.reason { color: var(--red); }
tr.fresh { animation: fresh 2.5s ease-out; }
@keyframes fresh { from { background: var(--blue-soft); } }
.tag { display: inline-block; font-size: 12px; line-height: 18px; padding: 0 7px; margin-right: 5px; border-radius: 9px; border: 1px solid var(--line); color: var(--muted); background: var(--raised); }
.state { display: inline-flex; align-items: center; gap: 7px; font-weight: 500; white-space: nowrap; }
.dot { width: 8px; height: 8px; border-radius: 50%; background: currentColor; }
.s-Success { color: var(--green); } .s-Fail { color: var(--red); } .s-Indeterminate { color: var(--amber); }
.s-Running { color: var(--blue); } .s-Unfinished { color: var(--grey); }
.s-Running .dot { animation: pulse 1.4s infinite; }
@keyframes pulse { 50% { opacity: .3; } }
@media (prefers-reduced-motion: reduce) { * { animation: none !important; } }
.errors { color: var(--red); font-size: 12px; }
.why { padding: 2px 0 10px; overflow-wrap: anywhere; max-height: 9em; overflow: auto; }

.facts { display: flex; flex-wrap: wrap; gap: 4px 26px; margin: 0 0 14px; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.copy { color: var(--muted); font-size: 12px; padding: 0 4px; }
.story { display: grid; grid-template-columns: 1fr 1fr; gap: 16px 28px; padding: 14px 18px; margin-bottom: 16px; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); overflow-wrap: anywhere; }
.story .who { margin-bottom: 2px; }
.story p + p { white-space: pre-line; max-height: 9em; overflow: auto; }
.tabs { display: flex; gap: 22px; border-bottom: 1px solid var(--line); margin-bottom: 14px; }
.tabs a { color: var(--muted); padding: 7px 0; border-bottom: 2px solid transparent; margin-bottom: -1px; }
.tabs a:hover { color: var(--text); text-decoration: none; }
.tabs a[aria-current] { color: var(--text); border-color: var(--accent); font-weight: 550; }
.split { display: grid; grid-template-columns: minmax(0, 1.55fr) minmax(330px, 1fr); gap: 26px; align-items: start; }
.right { position: sticky; top: 12px; max-height: calc(100vh - 24px); overflow: auto; }
.panel { padding: 16px 18px; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); overflow-wrap: anywhere; }
.panel > * + * { margin-top: 14px; }
.panel .facts { margin-bottom: 4px; }
.kind { display: flex; align-items: center; gap: 6px; }
.kind .type { margin-right: 1px; }
.part h3 { margin-bottom: 4px; }

.type { flex: none; display: inline-block; width: 9px; height: 9px; border-radius: 2.5px; margin-right: 7px; background: var(--c); }
.t-session { --c: var(--grey); } .t-agent { --c: var(--violet); } .t-model { --c: var(--blue); } .t-tool { --c: var(--teal); }
.t-action { --c: var(--slate); } .t-error, .spans .failed, .minimap .failed { --c: var(--red); } .t-http { --c: var(--grey); }
.t-database { --c: var(--brown); } .t-span { --c: var(--grey); }
.spans { table-layout: fixed; }
.spans td { padding: 4px 10px 4px 0; }
.spans th:nth-child(1) { width: 33%; } .spans th:nth-child(3) { width: 76px; } .spans th:nth-child(4) { width: 62px; }
.spans td, .spans th { border-bottom-color: color-mix(in srgb, var(--line) 55%, transparent); }
.indent { display: flex; align-items: center; min-width: 0; }
.indent .row-link { color: var(--text); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.failed .row-link { color: var(--red); }
.service { flex: none; max-width: 45%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 12px; color: var(--muted); margin-right: 6px; }
.flag { flex: none; font-size: 11px; color: var(--amber); margin-left: 7px; }
.fold, .leaf { flex: none; width: 18px; height: 18px; padding: 0; border: 0; background: none; }
.fold::before { content: "▾"; color: var(--muted); font-size: 11px; }
.fold[aria-expanded=false]::before { content: "▸"; }
.selected td { background: var(--select); }
.spans tbody tr:hover td { background: var(--sunk); }
.spans tbody tr.selected:hover td { background: var(--select); }
.spans .note { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--muted); }
.spans .failed .note { color: var(--red); }
.track { display: block; width: 100%; height: 16px; margin-top: 3px; overflow: hidden; cursor: crosshair; }
.track rect, .minimap .t-agent, .minimap rect { fill: var(--c); }
.t-session .track rect, .t-agent .track rect { opacity: .55; }
.failed .track rect { opacity: 1; }
.ticks { display: grid; grid-template-columns: repeat(4, minmax(0, 1fr)); font-weight: 400; font-size: 11px; position: relative; }
.ticks span { overflow: hidden; }
.ticks span:last-child { position: absolute; right: 0; background: var(--bg); padding-left: 5px; }
.bar-cell .track { background: repeating-linear-gradient(to right, color-mix(in srgb, var(--line) 60%, transparent) 0 1px, transparent 1px 25%); }
.minimap { position: relative; height: 44px; margin-bottom: 8px; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; background: var(--raised); cursor: crosshair; touch-action: none; }
.minimap svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.minimap .window rect { fill: var(--accent); fill-opacity: .12; }
.tools { display: flex; gap: 6px; align-items: center; margin-bottom: 8px; }
.tools button { padding: 1px 10px; }
tr[hidden] { display: none; }

.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; max-height: 420px; overflow: auto; unicode-bidi: isolate; }
.prose { font: inherit; }
.json summary { cursor: pointer; color: var(--muted); overflow-wrap: anywhere; }
.json dl, .attributes { display: grid; grid-template-columns: fit-content(45%) minmax(0, 1fr); gap: 2px 12px; margin: 2px 0 2px 2px; padding-left: 10px; border-left: 1px solid var(--line); }
.json dt, .attributes dt { color: var(--muted); overflow-wrap: anywhere; }
.json dd, .attributes dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
.attributes { font-size: 12.5px; }
.v-number { color: var(--violet); } .v-boolean, .v-object { color: var(--brown); }
.fold-part summary { cursor: pointer; color: var(--muted); }
.failure { background: var(--red-soft); color: var(--red); border-radius: 8px; padding: 8px 12px; overflow-wrap: anywhere; }
.failure details { color: var(--text); margin-top: 6px; }
.raw { color: var(--muted); }
.raw-span { padding: 3px 0; border-bottom: 1px solid color-mix(in srgb, var(--line) 55%, transparent); }

.chat { display: flex; flex-direction: column; gap: 10px; max-width: 860px; }
.message { padding: 9px 14px; border-radius: 10px; border: 1px solid var(--line); background: var(--raised); overflow-wrap: anywhere; min-width: 0; }
.message > * + * { margin-top: 6px; }
.r-user { align-self: flex-end; max-width: 85%; background: var(--blue-soft); border-color: transparent; }
.r-assistant { align-self: flex-start; max-width: 92%; }
.r-system { color: var(--muted); background: none; border-style: dashed; }
.r-system summary, .reasoning summary { cursor: pointer; font-size: 12px; }
.reasoning { color: var(--muted); }
.divider { display: flex; gap: 8px; align-items: center; white-space: nowrap; }
.divider::after { content: ""; flex: 1; border-top: 1px solid var(--line); }
.divider .muted { white-space: normal; }
.call { border-left: 3px solid var(--teal); padding: 4px 12px; background: color-mix(in srgb, var(--sunk) 60%, transparent); border-radius: 0 6px 6px 0; }
.call.failed { border-color: var(--red); }
.call-name { font-weight: 550; }
.call-name .muted { font-weight: 400; }
.result { margin-top: 6px; }
.cut { color: var(--amber); font-size: 12px; }
.turn { padding: 16px 0 22px; border-bottom: 1px solid var(--line); }
.turn header { display: flex; gap: 14px; align-items: baseline; margin-bottom: 12px; flex-wrap: wrap; }
.conversation .chat { margin-left: 20px; }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 14px; margin: 0 0 18px; }
.tiles > div, .chart { padding: 12px 16px; border: 1px solid var(--line); border-radius: 10px; background: var(--raised); }
.tiles dt { color: var(--muted); font-size: 12px; }
.tiles dd { margin: 0; font-size: 22px; font-weight: 600; letter-spacing: -.01em; }
.tiles dd a { color: inherit; }
.tiles .sub { font-weight: 400; letter-spacing: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); gap: 16px; margin-bottom: 20px; align-items: start; }
.chart { margin: 0; position: relative; min-width: 0; }
.chart figcaption { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 12px; }
.chart h2 { font-size: 14px; margin: 0; }
.sum, .legend { color: var(--muted); font-size: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: 0 12px; margin-left: auto; }
.legend i { display: inline-block; width: 9px; height: 9px; border-radius: 2.5px; background: var(--c); margin-right: 5px; }
.chart svg { display: block; width: 100%; height: auto; margin-top: 6px; }
.chart .ok { --c: var(--green); } .chart .bad { --c: var(--red); } .chart .c0 { --c: var(--blue); } .chart .c1 { --c: var(--violet); }
.chart .c2 { --c: var(--teal); } .chart .c3 { --c: var(--brown); } .chart .c4 { --c: var(--amber); }
.chart rect { fill: var(--c); }
.chart .column { fill: transparent; }
.chart .line { fill: none; stroke: var(--c); stroke-width: 1.6; }
.chart circle { fill: var(--c); width: auto; height: auto; }
.point:hover .column, .point:focus-visible .column { fill: var(--select); }
.point:hover circle, .point:focus-visible circle { stroke: var(--text); stroke-width: 1.5; }
.axis line { stroke: var(--line); }
.axis text, .none { fill: var(--muted); font-size: 10.5px; }
.said { display: block; min-height: 18px; color: var(--muted); font-size: 12px; }
.named caption { text-align: left; font-weight: 600; padding-bottom: 4px; }
.named td { padding: 5px 12px 5px 0; }
.data summary { cursor: pointer; color: var(--muted); }
.data td { padding: 3px 12px 3px 0; }
.login { max-width: 340px; padding-top: 12vh; }
.login form { display: grid; gap: 14px; margin-top: 18px; }
.login .field, .login input { display: block; width: 100%; }
dialog { border: 1px solid var(--line); border-radius: 12px; background: var(--raised); color: var(--text); padding: 20px 26px; max-width: 480px; }
dialog::backdrop { background: rgb(0 0 0 / .4); }
dialog dl { display: grid; grid-template-columns: auto 1fr; gap: 8px 18px; }
dialog dd { margin: 0; }
@media (max-width: 1000px) {
  .split, .story { grid-template-columns: minmax(0, 1fr); }
  .right { position: static; max-height: none; }
  main { padding: 16px 14px 48px; }
  .bar { padding: 8px 14px; }
}
@media (max-width: 720px) {
  .sessions th:nth-child(n+5), .sessions td:nth-child(n+5) { display: none; }
  .sessions { table-layout: fixed; }
  .sessions th:nth-child(1) { width: 92px; } .sessions th:nth-child(3) { width: 86px; } .sessions th:nth-child(4) { width: 66px; }
  .sessions td:first-child { width: auto; }
  .sessions td:first-child, .sessions .when { white-space: normal; }
  .state { flex-wrap: wrap; gap: 0 6px; font-size: 13px; }
  .bar { gap: 12px; }
  .bar nav { gap: 12px; }
  .brand { font-size: 0; gap: 0; }
  .filters .field { flex: 1 1 40%; }
  .filters .wide { flex-basis: 100%; }
  .filters select { width: 100%; max-width: none; }
  .ticks span:not(:first-child, :last-child) { visibility: hidden; }
  .chart .axis text { font-size: 13px; }
  .charts > table { display: block; overflow-x: auto; }
  .spans th:nth-child(4), .spans td:nth-child(4) { display: none; }
  .spans th:nth-child(1) { width: 46%; } .spans th:nth-child(3) { width: 66px; }
}
${indents}
`
