"""The 256 words of fingerprints: short, common, and unlike each other when read out."""

_TEXT = """
acorn actor album alley amber anchor angel ankle apple apron arrow atlas autumn badge bagel bamboo
banjo barrel basket beaver berry bishop blanket blossom bottle bracket branch bread bridge bronze
brush bucket bullet butter button cabin cactus camera candle canoe canyon captain caravan carpet
carrot castle cedar cellar chalk cherry chimney cider circus clover cobalt coffee comet copper coral
cotton cradle crayon cricket crystal curtain cushion cymbal daisy dancer dessert diamond dolphin
donkey dragon drawer drummer eagle easel echo eclipse elbow ember engine envelope fabric falcon
farmer feather fender ferry fiddle finger flannel flute forest fossil fountain funnel galaxy garden
garlic geyser giant ginger glacier goblet granite guitar hammer harbour hazel helmet hermit hickory
honey horizon hornet iceberg igloo indigo insect island ivory jacket jaguar jasmine jelly jigsaw
jockey jungle kennel kettle kitten knuckle ladder lagoon lantern lemon leopard lizard lobster locket
magnet mango marble meadow melon mirror mitten monkey mosaic muffin museum mustard napkin needle
nickel nutmeg oasis octave olive onion orange orchard otter oyster paddle palace panther paprika
parrot pebble pelican pencil pepper pigeon pillow pirate planet plaster pocket pumpkin puppet quarry
quartz quiver rabbit radish raven ribbon river robin rocket rudder saddle sailor salmon sandal satin
scarf shadow shovel silver sparrow spider spinach stadium statue summit sunset tablet tailor tambour
teapot temple thimble thunder tiger timber tomato topaz towel trumpet tulip tunnel turtle umbrella
unicorn vacuum valley vanilla velvet violin volcano waffle walnut walrus weasel whistle willow
window winter wizard wombat yellow yogurt zebra zephyr zigzag zipper airport bonnet canvas dagger
effigy fennel
"""
WORDS = tuple(_TEXT.split())
