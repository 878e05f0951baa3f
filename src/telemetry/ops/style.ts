/** The page's style: system fonts, light and dark, readable from 320 pixels of width on. */

const LIGHT = `--ground:#f5f6f8;--panel:#fff;--text:#1a2230;--muted:#566072;--rule:#e3e6ec;--focus:#1f57d6;
--good:#14663d;--good-tint:#e3f4ea;--warn:#7d4a00;--warn-tint:#fdf0d9;--bad:#a8201a;--bad-tint:#fde8e7;
--idle:#475164;--idle-tint:#eceff4;--one:#2f62d9;--two:#7a45c4;--three:#b8500f;--fill:#2f62d91c`
const DARK = `--ground:#0e1218;--panel:#161b23;--text:#e7eaf0;--muted:#9ba6b7;--rule:#27303c;--focus:#8ab0ff;
--good:#74d6a4;--good-tint:#11301f;--warn:#f2bd68;--warn-tint:#35270d;--bad:#ffa69e;--bad-tint:#431c1a;
--idle:#b9c3d1;--idle-tint:#242c38;--one:#82a8ff;--two:#bd9dff;--three:#f0a465;--fill:#82a8ff24`

export const STYLE: string = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
*{box-sizing:border-box}
body{margin:0;padding:0 1.25rem;background:var(--ground);color:var(--text);
font:0.9375rem/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;-webkit-text-size-adjust:100%}
header,main,footer{max-width:76rem;margin:0 auto}
header{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:center;gap:.75rem 2rem;padding:1.75rem 0 1.25rem}
h1,h2,p,dl,dd,figure{margin:0}
h1{font-size:1.5rem;line-height:1.25;font-weight:650;letter-spacing:-.015em;overflow-wrap:anywhere}
h2{font-size:.9375rem;line-height:1.4;font-weight:600}
.about,.sub,caption,.scale,.ends,footer,.when,.none{color:var(--muted);font-size:.8125rem}
.about{margin-top:.125rem;overflow-wrap:anywhere}
main:focus{outline:none}
:focus-visible{outline:2px solid var(--focus);outline-offset:2px;border-radius:.25rem}
a{color:var(--focus)}
.skip{position:absolute;left:1rem;top:-4rem;padding:.5rem 1rem;background:var(--panel);border-radius:.5rem}
.skip:focus{top:.5rem}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.watch,.when{display:flex;align-items:center;gap:.375rem .75rem;flex-wrap:wrap}
.at{font-variant-numeric:tabular-nums}
#live::before{content:'';display:inline-block;width:.5rem;height:.5rem;margin-right:.4375rem;border-radius:50%;
background:var(--muted);vertical-align:.0625rem}
#live[data-state=live]::before{background:var(--good)}
#live[data-state=stale]{color:var(--bad)}
#live[data-state=stale]::before{background:var(--bad)}
button{font:inherit;font-size:.8125rem;font-weight:550;color:var(--text);background:var(--panel);border:1px solid var(--rule);
border-radius:.5rem;padding:.3125rem .875rem;min-height:2rem;cursor:pointer}
button:hover{border-color:var(--muted)}
.banner{display:flex;align-items:center;gap:.75rem;padding:.875rem 1.125rem;border-radius:.75rem;font-weight:600;
overflow-wrap:anywhere;color:var(--good);background:var(--good-tint)}
.banner::before{content:'';flex:none;width:.625rem;height:.625rem;border-radius:50%;background:currentColor}
[data-tone=warn] .banner{color:var(--warn);background:var(--warn-tint)}
[data-tone=warn] .banner::before{border-radius:.125rem;transform:rotate(45deg)}
[data-tone=bad] .banner{color:var(--bad);background:var(--bad-tint)}
[data-tone=bad] .banner::before{border-radius:.125rem}
.panel{background:var(--panel);border:1px solid var(--rule);border-radius:.75rem;padding:1.125rem 1.25rem;min-width:0}
.cards,.charts,.tables{display:grid;gap:1rem;margin-top:1rem}
.cards{grid-template-columns:repeat(4,minmax(0,1fr))}
.charts{grid-template-columns:repeat(2,minmax(0,1fr))}
.tables{grid-template-columns:repeat(6,minmax(0,1fr))}
.tables>*{grid-column:span 3}
.tables>.wide{grid-column:1/-1}
dt{font-size:.8125rem;color:var(--muted);font-weight:550}
.figure{font-size:1.875rem;line-height:1.25;font-weight:650;letter-spacing:-.02em;font-variant-numeric:tabular-nums;
margin:.25rem 0 .125rem;overflow-wrap:anywhere}
.chart{position:relative}
figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.25rem 1rem}
.keys{display:flex;gap:1rem;font-size:.8125rem;color:var(--muted)}
.key::before{content:'';display:inline-block;width:.875rem;border-top:2px solid var(--one);margin-right:.375rem;vertical-align:.25rem}
.key.p95::before{border-color:var(--two)}
.key.p99::before{border-color:var(--three);border-top-style:dashed}
.key.errors::before{border-color:var(--bad)}
.scale{margin-top:.5rem;font-variant-numeric:tabular-nums}
.ends{display:flex;justify-content:space-between}
svg{display:block;width:100%;height:7.5rem;margin:.125rem 0 .375rem;overflow:visible}
path{fill:none;stroke:var(--one);stroke-width:1.75;stroke-linecap:round;stroke-linejoin:round;vector-effect:non-scaling-stroke}
.grid{stroke:var(--rule);stroke-width:1}
path.p95{stroke:var(--two)}
path.p99{stroke:var(--three);stroke-dasharray:4 4}
path.errors{stroke:var(--bad)}
path.rateArea{stroke:none;fill:var(--fill)}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.5rem}
th,td{text-align:left;vertical-align:baseline;padding:.4375rem 1rem .4375rem 0;border-top:1px solid var(--rule);font-weight:400;
overflow-wrap:anywhere}
th:last-child,td:last-child{padding-right:0}
thead th{border-top:0;color:var(--muted);font-size:.75rem;font-weight:550;padding-top:0;white-space:nowrap;overflow-wrap:normal}
.number,.latency td,.statuses td,.limited td,.bans td,td:nth-child(3):is(.breakers *),td:nth-child(4):is(.decisions *),
td:nth-child(5):is(.events *){text-align:right}
td.none{text-align:left}
.limited tbody th,.bans tbody th,.events td:nth-child(6){font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.8125rem}
.mark{display:inline-block;max-width:11rem;overflow:hidden;text-overflow:ellipsis;white-space:nowrap;vertical-align:bottom;
padding:.0625rem .5rem;border-radius:1rem;font-size:.8125rem;font-weight:550;color:var(--idle);
background:var(--idle-tint)}
.mark.good{color:var(--good);background:var(--good-tint)}
.mark.warn{color:var(--warn);background:var(--warn-tint)}
.mark.bad{color:var(--bad);background:var(--bad-tint)}
footer{padding:1.25rem 0 2rem}
@media (max-width:56rem){
.cards{grid-template-columns:repeat(2,minmax(0,1fr))}
.charts{grid-template-columns:minmax(0,1fr)}
.tables>*{grid-column:1/-1}
}
@media (max-width:36rem){
body{padding:0 .75rem;font-size:.875rem}
header{padding:1.125rem .25rem .875rem}
.cards,.charts,.tables{gap:.625rem;margin-top:.625rem}
.panel{padding:.875rem}
.figure{font-size:1.375rem}
th,td{padding-right:.625rem}
:is(.alerts,.decisions,.events) thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
:is(.alerts,.decisions,.events) tr{display:grid;border-top:1px solid var(--rule);padding:.5rem 0;gap:.125rem .625rem;align-items:baseline}
:is(.alerts,.decisions,.events) :is(th,td){border:0;padding:0}
.alerts tr{grid-template-columns:1fr auto}
.alerts td:nth-child(n+3){color:var(--muted)}
.alerts td:nth-child(even){justify-self:end}
.decisions tr{grid-template-columns:1fr auto 4rem}
.decisions td:nth-child(2){grid-row:2;grid-column:1/-1;color:var(--muted)}
.events tr{grid-template-columns:auto 1fr auto}
.events td:nth-child(5){grid-row:1;grid-column:3}
.events td:nth-child(3){grid-row:2;grid-column:1}
.events td:nth-child(4){grid-row:2;grid-column:2/-1}
.events td:nth-child(6){grid-row:3;grid-column:1/-1;color:var(--muted)}
}
@media print{body{background:none}button,.skip{display:none}}
`
