-- page.lua: a self-contained HTML page: text, tables, and pictures inside it as PNG.
local cs = require "convscope"
local system = cs.engine.system

local page = {}
local methods = {}
methods.__index = methods

local style = [[
:root { color-scheme: light dark; --line: #8884; --quiet: #888; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
nav a { margin-right: 1em; white-space: nowrap; } .about, figcaption, summary { color: var(--quiet); }
table { border-collapse: collapse; font-size: 13px; } td, th { padding: .15em .8em .15em 0; text-align: left; border-bottom: 1px solid var(--line); }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; } figure { margin: 1rem 0; } img { max-width: 100%; } .pixels { image-rendering: pixelated; }
.note { margin: .3em 0; } .wide { overflow-x: auto; }
]]

local names = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }
local function escape(text) return (tostring(text):gsub('[&<>"]', names)) end

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local function base64(bytes)
  local out = {}
  for i = 1, #bytes, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    local four = ""
    for k = 18, 0, -6 do
      local d = n >> k & 63
      four = four .. digits:sub(d + 1, d + 1)
    end
    out[#out + 1] = b and (c and four or four:sub(1, 3) .. "=") or four:sub(1, 2) .. "=="
  end
  return table.concat(out)
end

-- page.new(title): a page to be filled from top to bottom.
function page.new(title)
  return setmetatable({ title = title, parts = {}, headings = {} }, methods)
end

local function add(self, text, ...)
  self.parts[#self.parts + 1] = select("#", ...) > 0 and text:format(...) or text
  return self
end

function methods:heading(text)
  self.headings[#self.headings + 1] = text
  return add(self, '<h2 id="%s">%s</h2>', escape(text:gsub("%s", "-")), escape(text))
end

-- `class`: "note", "about", or nothing.
function methods:text(text, class)
  return add(self, '<p class="%s">%s</p>', class or "", escape(text))
end

-- A number, or one written as 1,234.
local function is_number(value) return math.type(value) or type(value) == "string" and value:match "^%d[%d,]*$" end

local function cell(value)
  if math.type(value) == "float" then
    if value ~= value then return '<td class="n"></td>' end
    return ('<td class="n">%.4g</td>'):format(value)
  end
  return (is_number(value) and '<td class="n">%s</td>' or "<td>%s</td>"):format(escape(value))
end

function methods:table(columns, rows, most)
  local out = { '<div class="wide"><table><tr>' }
  for k, name in ipairs(columns) do out[#out + 1] = (rows[1] and is_number(rows[1][k]) and '<th class="n">' or "<th>") .. escape(name) .. "</th>" end
  for i = 1, math.min(#rows, most or #rows) do
    out[#out + 1] = "</tr>\n<tr>"
    for k = 1, #columns do out[#out + 1] = cell(rows[i][k]) end
  end
  out[#out + 1] = "</tr></table></div>"
  if most and #rows > most then out[#out + 1] = ('<p class="about">and %d more rows</p>'):format(#rows - most) end
  return add(self, "%s", table.concat(out))
end

-- A place to be filled later, with lines that lead to a heading each: returns a function(heading, text).
function methods:contents()
  local at = #self.parts + 1
  self.parts[at] = ""
  return function(heading, text)
    self.parts[at] = self.parts[at] .. ('<p class="note"><a href="#%s">%s</a>: %s</p>\n'):format(escape(heading:gsub("%s", "-")), escape(heading), escape(text))
  end
end

-- A table that is folded away.
function methods:details(title, columns, rows, most)
  add(self, "<details><summary>%s</summary>", escape(title))
  self:table(columns, rows, most)
  return add(self, "</details>")
end

-- A picture or a plot by its PNG, read back from a temporary file; what cannot be made is said at html().
local function png(self, picture, options)
  local path = os.tmpname()
  local done, message = picture:save(path .. ".png", options)
  local bytes = done and system.read(path .. ".png")
  os.remove(path)
  os.remove(path .. ".png")
  if not bytes then
    self.problem = self.problem or message or "a picture could not be read back"
    return nil
  end
  return base64(bytes)
end

function methods:picture(name, picture)
  local text = png(self, picture)
  return text and add(self, '<figure><img class="pixels" alt="%s" src="data:image/png;base64,%s"><figcaption>%s</figcaption></figure>', escape(name), text, escape(name))
    or self
end

-- A plot, which says in itself what it shows.
function methods:plot(name, plot, options)
  local text = png(self, plot, options)
  return text and add(self, '<figure><img alt="%s" src="data:image/png;base64,%s"></figure>', escape(name), text) or self
end

-- The page as text; nil, message when a picture could not be made.
function methods:html()
  if self.problem then return nil, self.problem end
  local links = {}
  for k, text in ipairs(self.headings) do links[k] = ('<a href="#%s">%s</a>'):format(escape(text:gsub("%s", "-")), escape(text)) end
  return table.concat({
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    ("<title>%s</title><style>%s</style></head><body>"):format(escape(self.title), style),
    ("<h1>%s</h1><nav>%s</nav>"):format(escape(self.title), table.concat(links, "\n")),
    table.concat(self.parts, "\n"),
    "</body></html>\n",
  }, "\n")
end

return page
