/** The service report's style sheet: one A4 page, the same on screen and on paper. */

export const serviceReportStyle = `
*{box-sizing:border-box}
:root{color-scheme:light}
body{margin:0 auto;padding:28px;max-width:820px;background:#fff;color:#16181d;
font:13px/1.45 "Segoe UI",system-ui,-apple-system,"Noto Sans","DejaVu Sans",sans-serif}
header{display:flex;justify-content:space-between;align-items:flex-end;gap:24px;padding-bottom:10px;border-bottom:2px solid #16181d}
h1{margin:0;font-size:20px}
h2{margin:18px 0 6px;font-size:14px;break-after:avoid}
header p{margin:0;font-weight:600;white-space:nowrap}
.practice{margin:0 0 14px;padding:8px 14px;border:2px dashed #8a5300;background:#fdf0d5;color:#8a5300;font-weight:600;text-align:center}
dl{margin:10px 0 0}
dl div{display:flex;gap:10px;padding:2px 0;border-bottom:1px dotted #dfe3ea}
dt{flex:0 0 130px;color:#5c6370}
dd{margin:0;min-width:0;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th{padding:5px 6px;text-align:left;color:#5c6370;border-bottom:1px solid #16181d}
td{padding:6px;vertical-align:top;border-bottom:1px solid #dfe3ea;overflow-wrap:anywhere}
td span{display:block;color:#5c6370;font-size:12px}
thead{display:table-header-group}
tr{break-inside:avoid}
.green{color:#14743b}.amber{color:#8a5300}.red,td span.red{color:#b3261e}
.meaning{margin:10px 0 0;color:#5c6370;font-size:12px}
.seal{margin-top:14px;padding-top:4px;border-top:1px solid #16181d;break-inside:avoid}
.seal p{margin:4px 0;color:#5c6370;font-size:12px}
.signatures{display:grid;grid-template-columns:1fr 1fr;gap:32px;margin-top:44px;break-inside:avoid}
.signatures div{padding-top:4px;border-top:1px solid #16181d}
.signatures span{display:block;color:#5c6370;font-size:12px}
footer{margin-top:16px;color:#5c6370;font-size:11px}
@page{size:A4;margin:14mm}
@media print{*{print-color-adjust:exact;-webkit-print-color-adjust:exact}body{padding:0;max-width:none;font-size:9pt}}
`
