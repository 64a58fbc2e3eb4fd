"""How the report looks: its style sheet, and the few lines that show times in the reader's zone."""

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c2128;--soft:#59636e;--line:#d8dee4;
--ok:#1a7f37;--failed:#c62a2f;--running:#0969da;--bar:#57ab5a}
@media(prefers-color-scheme:dark){:root{--bg:#0f1318;--card:#171c23;--ink:#e6eaef;--soft:#9aa5b1;
--line:#2d343d;--ok:#57ab5a;--failed:#f47067;--running:#6cb6ff;--bar:#46954a}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
header{display:flex;flex-wrap:wrap;gap:0 1rem;align-items:baseline;justify-content:space-between;
max-width:72rem;margin:0 auto;padding:1rem 1rem 0}
main{max-width:72rem;margin:0 auto;padding:0 1rem 3rem}
h1{font-size:1.5rem;margin:0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:2rem 0 .7rem}
h3{font-size:1rem;margin:0;overflow-wrap:anywhere}p{margin:.25rem 0}
header p,.meta,dt,figcaption,th{color:var(--soft);font-size:.85rem}
.totals{display:flex;flex-wrap:wrap;gap:.5rem;padding:0;margin:1rem 0 0;list-style:none}
.totals li{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.35rem .8rem}
.totals b{font-size:1.25rem}
.totals .failed b,td.failed{color:var(--failed)}.totals .ok b,td.ok{color:var(--ok)}
.totals .stopped b,td.stopped{color:var(--soft)}
.totals .running b,td.running{color:var(--running)}
.failure{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--failed);
border-radius:.6rem;padding:.7rem 1rem;margin:0 0 .6rem;overflow-wrap:anywhere}
.failure p{white-space:pre-line}
.kind{color:var(--failed);font-weight:500}.hint::before{content:"\\2192\\a0";color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(20rem,100%),1fr));gap:.8rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.6rem;padding:.9rem 1rem;min-width:0}
.card h3{display:flex;align-items:baseline}.card h3 span{flex:none}
.dot{display:inline-block;width:.65rem;height:.65rem;border-radius:50%;margin-right:.5rem;background:var(--soft)}
.dot.ok{background:var(--ok)}.dot.failed{background:var(--failed)}.dot.stopped{background:var(--soft)}.dot.running{background:var(--running)}
dl{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;margin:.6rem 0}dd{margin:0}
figure{margin:.6rem 0 0}figcaption{display:flex;justify-content:space-between}
svg{display:block;width:100%;height:36px}
rect{fill:var(--bar)}rect.failed{fill:var(--failed)}rect.stopped{fill:var(--soft)}rect.running{fill:var(--running)}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:.6rem}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{padding:.4rem .8rem;text-align:left;white-space:nowrap;border-top:1px solid var(--line)}
tr:first-child th{border-top:0}.n{text-align:right;font-variant-numeric:tabular-nums}
""".strip()

SCRIPT = """
for(const t of document.querySelectorAll("time")){const d=new Date(t.dateTime);
if(!isNaN(d)){t.title=t.textContent;t.textContent=d.toLocaleString([],{dateStyle:"medium",timeStyle:"short"})}}
""".strip()
