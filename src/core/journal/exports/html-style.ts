/** The report's style sheet: one A4 document on paper, light or dark on a screen. */

export const reportStyle = `
:root{color-scheme:light dark;--paper:#fff;--ink:#16181d;--soft:#5c6370;--faint:#8b93a1;--edge:#dfe3ea;--fill:#f5f7fa;
--green:#14743b;--green-fill:#e2f4e8;--amber:#8a5300;--amber-fill:#fdf0d5;--red:#b3261e;--red-fill:#fce5e3;--line:#2459c4;--area:#2459c41f}
@media (prefers-color-scheme:dark){:root{--paper:#14171c;--ink:#e8eaee;--soft:#a4acb9;--faint:#788190;--edge:#2c323c;--fill:#1c2027;
--green:#6fd796;--green-fill:#173524;--amber:#f2bd62;--amber-fill:#3a2c10;--red:#ff938a;--red-fill:#44201d;--line:#7fa7ff;--area:#7fa7ff26}}
*{box-sizing:border-box}
body{margin:0 auto;padding:32px 28px 40px;max-width:880px;background:var(--paper);color:var(--ink);
font:13px/1.45 "Segoe UI",system-ui,-apple-system,"Noto Sans","DejaVu Sans",sans-serif}
h1{margin:0;font-size:22px;letter-spacing:-.01em}
h2{margin:30px 0 10px;font-size:15px;break-after:avoid}
.head{display:flex;justify-content:space-between;gap:24px;align-items:flex-end;padding-bottom:14px;border-bottom:2px solid var(--ink)}
.head p{margin:4px 0 0;color:var(--soft)}
.head .brand{text-align:right;white-space:nowrap;color:var(--soft)}
.head .brand b{display:block;color:var(--ink);font-size:14px}
.counts{display:flex;gap:12px;margin:18px 0 4px}
.count{flex:1;padding:10px 14px;border:1px solid var(--edge);border-radius:8px}
.count b{display:block;font-size:24px;line-height:1.15;font-variant-numeric:tabular-nums}
.count span{color:var(--soft)}
.count.green{border-color:var(--green);background:var(--green-fill)}.count.green b{color:var(--green)}
.count.amber{border-color:var(--amber);background:var(--amber-fill)}.count.amber b{color:var(--amber)}
.count.red{border-color:var(--red);background:var(--red-fill)}.count.red b{color:var(--red)}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
.summary{margin-top:14px}
.summary th{padding:6px 8px;text-align:left;font-weight:600;color:var(--soft);border-bottom:1px solid var(--ink);white-space:nowrap}
.summary td{padding:7px 8px;vertical-align:top;border-bottom:1px solid var(--edge);overflow-wrap:anywhere}
.summary td:nth-child(2){width:20%}.summary td:nth-child(3){width:19%}.summary .pill{white-space:nowrap}
.summary td.number{white-space:nowrap;color:var(--soft)}
.summary .sub{display:block;max-width:44ch;color:var(--soft);font-size:12px}
thead{display:table-header-group}
tr{break-inside:avoid}
.pill{display:inline-block;padding:1px 9px;border-radius:10px;font-weight:600;font-size:12px}
.pill.green{color:var(--green);background:var(--green-fill)}
.pill.amber{color:var(--amber);background:var(--amber-fill)}
.pill.red{color:var(--red);background:var(--red-fill)}
.card{margin:14px 0 0;padding:16px 18px 14px;border:1px solid var(--edge);border-left-width:5px;border-radius:8px;break-inside:avoid}
.card.green{border-left-color:var(--green)}.card.amber{border-left-color:var(--amber)}.card.red{border-left-color:var(--red)}
.card h3{display:flex;justify-content:space-between;gap:12px;align-items:center;margin:0;font-size:15px;overflow-wrap:anywhere}
.card .pill{white-space:nowrap}
.card .now{margin:3px 0 10px;color:var(--soft)}
.card .now b{color:var(--ink)}
.facts{display:grid;grid-template-columns:1fr 1fr;gap:1px 24px;margin:0 0 10px}
.facts div{display:flex;gap:8px;padding:2px 0;border-bottom:1px dotted var(--edge);min-width:0}
.facts dt{flex:0 0 98px;color:var(--soft)}
.facts .wide{grid-column:1/-1}
.facts dd{margin:0;min-width:0;overflow-wrap:anywhere}
.mono{font-family:ui-monospace,"Cascadia Mono",Consolas,"DejaVu Sans Mono",monospace;font-size:11px}
.charts{display:grid;grid-template-columns:1fr 1fr;gap:16px;margin-top:8px}
figure{margin:0;min-width:0}
figcaption{margin-bottom:2px;color:var(--soft);font-size:12px}
figcaption b{color:var(--ink)}
.nothing{height:84px;display:flex;align-items:center;justify-content:center;border:1px dashed var(--edge);border-radius:6px;color:var(--faint)}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font-size:10px;text-anchor:middle}
svg .small{font-size:9px;fill:var(--faint)}svg .strong{fill:var(--ink);font-weight:600}
svg .axis-y,svg .axis-end,svg .legend{text-anchor:end}svg .axis-x{text-anchor:start}
svg .grid{stroke:var(--edge);stroke-width:1}
svg .line{fill:none;stroke:var(--line);stroke-width:1.8;stroke-linejoin:round}
svg .area{fill:var(--area)}
svg .block{stroke:var(--faint);stroke-width:1.2}svg .lowest{stroke:var(--amber);stroke-width:1.2;stroke-dasharray:4 3}
svg .legend{fill:var(--line)}svg .key-block{fill:var(--faint)}svg .key-lowest{fill:var(--amber)}
svg .rail{stroke:var(--edge);stroke-width:2}
svg .step{stroke-width:2;stroke:var(--edge);fill:var(--paper)}
svg .step.green{stroke:var(--green);fill:var(--green)}svg .step.amber{stroke:var(--amber);fill:var(--amber)}svg .step.red{stroke:var(--red);fill:var(--red)}
svg .mark{fill:none;stroke:var(--paper);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.say{margin:8px 0 0;padding:6px 10px;border-radius:6px;background:var(--fill);overflow-wrap:anywhere}
.say.red{background:var(--red-fill);color:var(--red)}
details{margin-top:10px}
summary{cursor:pointer;color:var(--soft)}
.log td{padding:1px 8px 1px 0;vertical-align:top;overflow-wrap:anywhere}
.log .warning{color:var(--amber)}.log .error{color:var(--red)}
.seal{margin-top:30px;padding-top:12px;border-top:2px solid var(--ink);break-inside:avoid}
.seal p{margin:4px 0;color:var(--soft)}
.seal .mono{color:var(--ink);overflow-wrap:anywhere}
.practice-banner{margin:0 0 16px;padding:8px 14px;border-radius:8px;background:var(--amber-fill);color:var(--amber);font-weight:600;text-align:center}
.watermark{position:fixed;inset:0;display:flex;align-items:center;justify-content:center;pointer-events:none;z-index:1}
.watermark span{transform:rotate(-32deg);font-size:130px;font-weight:800;letter-spacing:.12em;color:var(--amber);opacity:.13}
pre.record{display:none}
@page{size:A4;margin:14mm 13mm 16mm}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;--faint:#777;--edge:#d5d9e0;--fill:#f5f7fa;--green:#14743b;--green-fill:#e2f4e8;
--amber:#8a5300;--amber-fill:#fdf0d5;--red:#b3261e;--red-fill:#fce5e3;--line:#2459c4;--area:#2459c41f}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
body{padding:0;max-width:none;font-size:8.8pt;line-height:1.35}details{display:none}
.card{margin-top:10px;padding:10px 14px}.mono,.summary .sub,figcaption{font-size:7.6pt}.watermark span{opacity:.09}.ladder{max-width:560px}.charts svg{max-height:118px}}
@media (max-width:640px){.facts,.charts{grid-template-columns:1fr}.counts{flex-wrap:wrap}.count{flex-basis:40%}}
`
