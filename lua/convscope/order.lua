-- order.lua: features 0 to count - 1 as a list, the largest value first, those without one last; of equal ones the first stays first.
return function(values, count)
  local order = {}
  for i = 1, count do order[i] = i - 1 end
  table.sort(order, function(a, b)
    local x, y = values[a] or -math.huge, values[b] or -math.huge
    if x ~= y then return x > y end
    return a < b
  end)
  return order
end
