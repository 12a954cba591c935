-- words.lua: what people write as a word, as Lua has it.
local words = {}

-- A number, true or false where the word looks like one; else the word.
function words.value(word)
  if word == "true" or word == "false" then return word == "true" end
  return math.tointeger(tonumber(word)) or tonumber(word) or word
end

return words
